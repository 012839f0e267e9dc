import assert from 'node:assert/strict';
import { newId, oddTexts } from '../../../shared/conformance.js';
import { ValidationError } from '../../../shared/errors.js';
import { aHeader, created, found, type JournalStoreSuite, json, opened, reopened } from './suite.js';

export function testTexts(suite: JournalStoreSuite): void {
  suite.it('may have any characters', async () => {
    const { store, other } = suite;
    const unique = newId('');
    for (const text of oddTexts) {
      const header = aHeader({ id: `${text.slice(0, 20)}${unique}`, name: text, version: text, input: json(text) });
      const { id, owner } = await opened(store, header);
      const records = [json(text), json([text, { [text]: text }]), json('between')];
      for (const record of records) await owner.append([record]);
      const number = await other.signal(id, json(text));
      await owner.close();
      assert.deepEqual(await other.read(id), {
        header,
        status: 'running',
        records,
        signals: [{ number, text: json(text) }],
        owner: undefined,
      });
      const { input: _, ...summary } = header;
      assert.deepEqual(
        (await other.list({ name: text })).filter((run) => run.id === id),
        [{ ...summary, status: 'running' }],
      );
      assert.equal(await store.delete(id), true);
    }
  });

  suite.it('are returned exactly, whatever kind of JSON they are', async () => {
    const { store, other } = suite;
    const texts = [
      ...[
        'null',
        'true',
        '-0',
        '1e400',
        '""',
        '[]',
        '{}',
        '{"b":1,"a":2,"b":3}',
        '[ 1 , 2 ]',
        '"failed"',
        '["x","completed"]',
      ],
      ...['"\\u0000\\ud800"', '{"__proto__":1}', '"8f3a09c2"', '[1,"8f3a09c2"]', '"]"', '"\\"]"', '"\u2028"'],
    ];
    const { id } = await created(store, texts);
    for (const text of texts) await store.signal(id, text);
    const run = await found(other, id);
    assert.deepEqual(run.records, texts);
    assert.equal(run.status, 'running');
    assert.deepEqual(
      run.signals.map(({ text }) => text),
      texts,
    );
  });

  suite.it('that look alike are kept apart', async () => {
    const { store, other } = suite;
    const unique = newId('');
    const ids = [
      ...[
        'a/b',
        'a%2Fb',
        'a_b',
        'a b',
        'a+b',
        'a%20b',
        'A/B',
        '\u00fc',
        'u\u0308',
        '.',
        '..',
        '~',
        'con',
        'CON',
        'a.',
        'a',
      ],
      ...['a\u00e9', 'ae\u0301', 'a*', 'a?', 'a:', 'a|'],
    ].map((id, index) => (index % 2 === 0 ? `${id}${unique}` : id));
    for (const id of ids) await created(store, [json(id)], { id, name: unique });
    for (const id of ids) assert.deepEqual((await other.read(id))?.records, [json(id)]);
    const listed = (await other.list({ name: unique })).map(({ id }) => id);
    assert.deepEqual(listed.sort(), [...ids].sort());
    for (const id of ids) assert.equal(await store.delete(id), true);
  });

  suite.it('of ids may be long, or are refused with a ValidationError', async () => {
    const { store, other } = suite;
    const unique = newId('');
    for (const long of ['x'.repeat(200), 'x'.repeat(201), '漢'.repeat(200), '😀'.repeat(500), 'y'.repeat(5_000)]) {
      const id = `${long}${unique}`;
      try {
        await created(store, [json(long.length)], { id });
      } catch (error) {
        assert.ok(error instanceof ValidationError, `${error} is a ValidationError`);
        assert.ok(id.length > 300, 'usual ids are accepted');
        continue;
      }
      assert.deepEqual((await other.read(id))?.records, [json(long.length)]);
      assert.ok((await other.list({})).some((run) => run.id === id));
      assert.equal(await other.delete(id), true);
    }
  });

  suite.it('may be of megabytes', async () => {
    const { store, other } = suite;
    const text = json('{"ü":1}'.repeat(2 ** 17));
    const header = aHeader({ input: text });
    const { id, owner } = await opened(store, header);
    await owner.append([1, 2, 3].map((number) => json([number, text])));
    const number = await other.signal(id, text);
    await owner.close();
    const run = await reopened(other, id);
    assert.ok(run.header.input === text);
    assert.deepEqual(
      run.records.map((record, index) => record === json([index + 1, text])),
      [true, true, true],
    );
    assert.ok(run.signals[0]?.text === text && run.signals[0].number === number);
    await run.owner.rewrite(header, run.records, 0);
    await run.owner.close();
    assert.ok((await other.read(id))?.records[2] === json([3, text]));
    await store.delete(id);
  });
}
