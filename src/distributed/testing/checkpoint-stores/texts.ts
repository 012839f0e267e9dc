import assert from 'node:assert/strict';
import type { Checkpoint } from '../../../flow/index.js';
import { newId, oddTexts } from '../suite.js';
import type { CheckpointStoreSuite } from './suite.js';

export function testTexts(suite: CheckpointStoreSuite): void {
  suite.it('may have any characters', async () => {
    const { store, other } = suite;
    const unique = newId('');
    for (const text of ['', ...oddTexts]) {
      const runId = `${text.slice(0, 20)}${unique}`;
      await store.save(runId, text, 0);
      await store.append(runId, 1, text);
      await store.append(runId, 2, 'between');
      await store.append(runId, 3, text);
      assert.deepEqual(await other.load(runId), { snapshot: text, seq: 0, entries: [text, 'between', text] });
      assert.ok((await other.list()).includes(runId));
      await store.delete(runId);
    }
  });

  suite.it('that look alike are kept apart', async () => {
    const { store, other } = suite;
    const unique = newId('');
    const ids = ['a/b', 'a%2Fb', 'a_b', 'a b', 'a+b', 'a%20b', 'A/B', '\u00fc', 'u\u0308'].map((id) => id + unique);
    for (const id of ids) await store.save(id, id, 0);
    for (const id of ids) assert.equal((await other.load(id))?.snapshot, id);
    const listed = await other.list();
    assert.deepEqual(listed.filter((id) => ids.includes(id)).sort(), [...ids].sort());
    for (const id of ids) await store.delete(id);
  });

  suite.it('may be of megabytes', async () => {
    const { store, other } = suite;
    const runId = newId();
    const text = '{"ü":1}'.repeat(2 ** 18);
    await store.save(runId, text, 0);
    await Promise.all([1, 2, 3].map((seq) => store.append(runId, seq, `${seq}${text}`)));
    const kept = (await other.load(runId)) as Checkpoint;
    assert.ok(kept.snapshot === text);
    assert.deepEqual(
      kept.entries.map((entry, index) => entry === `${index + 1}${text}`),
      [true, true, true],
    );
    await store.delete(runId);
  });
}
