import assert from 'node:assert/strict';
import type { Engine } from '../contracts.js';
import { type RunQuery, type RunStatus, runStatuses } from '../run-info.js';
import { aQuery, begun, commit, newId, oddTexts, pages, type Suite } from './suite.js';

export function testSearch(suite: Suite): void {
  suite.describe('runInfoStore.listRuns with a text', () => testText(suite));
  suite.describe('runInfoStore.countRuns', () => testCount(suite));
}

function testText(suite: Suite): void {
  suite.it('finds runs by a part of their id or error, whatever the case of ASCII letters', async () => {
    const { engine, other } = suite;
    const workflow = newId('workflow');
    const byId = await begun(engine, { workflow, runId: newId('Order-Ärger') });
    const byError = await failed(engine, workflow, 'the ORDER was refused');
    const neither = await failed(engine, workflow, 'refused');
    const found = async (text: string) => (await idsOf(other, { workflow, text })).toSorted();
    assert.deepEqual(await found('order'), [byId, byError].toSorted());
    assert.deepEqual(await found('oRDER-'), [byId]);
    assert.deepEqual(await found('REFUSED'), [byError, neither].toSorted());
    assert.deepEqual(await found('Ärger'), [byId]);
    // Case is ignored only for ASCII letters. The second text is the kelvin sign, whose lower case would be k.
    assert.deepEqual(await found('ärger'), []);
    assert.deepEqual(await found('\u212A'), []);
    assert.deepEqual(await found(byId.slice(3, -3).toUpperCase()), [byId]);
    assert.deepEqual(await found(`${byId}x`), []);
  });

  suite.it('treats no character as a wildcard', async () => {
    const { engine, other } = suite;
    const workflow = newId('workflow');
    const unique = newId('');
    const texts = [...oddTexts, '%', '_', '\\', '100% \\ sure_', '?', '[a-z]', '.*', '^$', 'a%b', 'a_b', 'axb', '\\%'];
    const runs = new Map<string, string>();
    for (const text of texts) {
      runs.set(await begun(engine, { workflow, runId: `${text}${unique}` }), '');
      runs.set(await failed(engine, workflow, `<${text}>`), `<${text}>`);
    }
    for (const text of texts) {
      const has = (value: string) => asciiLower(value).includes(asciiLower(text));
      const expected = [...runs].filter(([runId, error]) => has(runId) || has(error)).map(([runId]) => runId);
      assert.ok(expected.length >= 2);
      assert.deepEqual((await idsOf(other, { workflow, text })).toSorted(), expected.toSorted(), text);
    }
  });

  suite.it('returns pages, together with all other filters', async () => {
    const { engine, other } = suite;
    const workflow = newId('workflow');
    const ids: string[] = [];
    for (let n = 0; n < 60; n += 20) {
      const some = Array.from({ length: 20 }, (_, index) => n + index);
      await Promise.all(
        some.map(async (at) => {
          const runId = newId(at % 2 === 0 ? 'Even' : 'odd');
          ids[at] = await begun(engine, { workflow, runId, version: `${at % 3}` });
          if (at % 5 === 0) await commit(engine, runId, 0, { becomes: { status: 'failed', error: 'by fives' } });
        }),
      );
    }
    const all = await pages(other, { workflow, order: 'oldest', limit: 7 });
    const expect = async (query: Partial<RunQuery>, test: (at: number) => boolean) => {
      const expected = all.filter((runId) => test(ids.indexOf(runId)));
      assert.deepEqual(await pages(other, { workflow, order: 'oldest', limit: 4, ...query }), expected);
      const newest = await pages(other, { workflow, order: 'newest', limit: 4, ...query });
      assert.deepEqual(newest, expected.toReversed());
    };
    await expect({ text: 'EVEN' }, (at) => at % 2 === 0);
    await expect({ text: 'fives' }, (at) => at % 5 === 0);
    await expect({ text: 'even', version: '1' }, (at) => at % 2 === 0 && at % 3 === 1);
    await expect({ text: 'odd', statuses: ['running'] }, (at) => at % 2 === 1 && at % 5 !== 0);
    await expect({ text: 'odd', statuses: ['running', 'failed'] }, (at) => at % 2 === 1);
    await expect({ text: 'fives', statuses: ['running', 'paused'] }, () => false);
    await expect({ text: 'even', before: 1 }, () => false);
    assert.deepEqual(await idsOf(other, { workflow: newId(), text: 'even' }), []);
  });

  suite.it('finds a few runs among many', async () => {
    const { engine, other } = suite;
    const workflow = newId('workflow');
    const needle = newId('needle');
    const few: string[] = [];
    for (let n = 0; n < 2_500; n += 250) {
      const some = await Promise.all(Array.from({ length: 250 }, () => begun(engine, { workflow })));
      if (n % 1_000 === 0) few.push(some[17] as string);
    }
    for (const runId of few) await commit(engine, runId, 0, { becomes: { status: 'cancelled', error: needle } });
    assert.deepEqual(await pages(other, { workflow, text: needle, order: 'oldest', limit: 2 }), few);
    assert.deepEqual(await pages(other, { workflow, text: needle, order: 'newest', limit: 10 }), few.toReversed());
    assert.deepEqual(await idsOf(other, { text: needle, order: 'oldest' }), few);
  });

  suite.it('finds an error only while the run has it', async () => {
    const { engine } = suite;
    const error = newId('error');
    const runId = await failed(engine, 'workflow', error);
    assert.deepEqual(await idsOf(engine, { text: error }), [runId]);
    await commit(engine, runId, 1, { during: runStatuses, becomes: { status: 'running' } });
    assert.deepEqual(await idsOf(engine, { text: error }), []);
  });
}

function testCount(suite: Suite): void {
  suite.it('counts the runs of each status, with 0 for those that no run has', async () => {
    const { engine, other } = suite;
    const before = await other.runInfoStore.countRuns();
    assert.deepEqual(Object.keys(before).toSorted(), runStatuses.toSorted());
    assert.ok(Object.values(before).every((count) => Number.isSafeInteger(count) && count >= 0));
    const expectMore = async (expected: Partial<Record<RunStatus, number>>) => {
      const now = await other.runInfoStore.countRuns();
      const more = runStatuses.map((status) => [status, now[status] - before[status]] as const);
      assert.deepEqual(Object.fromEntries(more.filter(([, count]) => count !== 0)), expected);
    };
    const scheduled = await begun(engine, { status: 'scheduled' });
    const runIds = await Promise.all(Array.from({ length: 5 }, () => begun(engine)));
    await expectMore({ scheduled: 1, running: 5 });
    const [one = '', two = '', three = '', four = ''] = runIds;
    await commit(engine, one, 0, { becomes: { status: 'completed' } });
    await commit(engine, two, 0, { becomes: { status: 'failed', error: 'e' } });
    await commit(engine, three, 0, { becomes: { status: 'paused' } });
    await commit(engine, four, 0, { becomes: { status: 'awaiting' } });
    await commit(engine, scheduled, 0, {});
    await expectMore({ running: 2, completed: 1, failed: 1, paused: 1, awaiting: 1 });
    for (const runId of [scheduled, ...runIds]) await engine.runInfoStore.deleteRun(runId);
    await expectMore({});
  });
}

async function failed(engine: Engine, workflow: string, error: string): Promise<string> {
  const runId = await begun(engine, { workflow });
  await commit(engine, runId, 0, { becomes: { status: 'failed', error } });
  return runId;
}

async function idsOf(engine: Engine, query: Partial<RunQuery>): Promise<string[]> {
  return (await engine.runInfoStore.listRuns(aQuery(query))).map(({ runId }) => runId);
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
