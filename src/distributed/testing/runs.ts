import assert from 'node:assert/strict';
import type { Engine } from '../contracts.js';
import type { RunQuery, RunRecord } from '../run-info.js';
import { always, aQuery, begun, commit, newId, oddTexts, pages, type Suite, timeOf, until } from './suite.js';

export function testRuns(suite: Suite): void {
  suite.describe('runInfoStore.getRun and getStatuses', () => testGet(suite));
  suite.describe('runInfoStore.listRuns', () => testList(suite));
}

function testGet(suite: Suite): void {
  suite.it('return the current state of runs, in the order of the ids', async () => {
    const { engine, other } = suite;
    const one = await begun(engine);
    const two = await begun(engine, { status: 'scheduled' });
    await commit(engine, one, 0, { becomes: { status: 'failed', error: 'bad' } });
    const unknown = newId();
    const statuses = await other.runInfoStore.getStatuses([two, unknown, one, two]);
    assert.deepEqual(statuses, ['scheduled', undefined, 'failed', 'scheduled']);
    assert.deepEqual(await other.runInfoStore.getStatuses([]), []);
    assert.equal((await other.runInfoStore.getRun(one))?.error, 'bad');
    assert.equal(await other.runInfoStore.getRun(unknown), undefined);
  });
}

function testList(suite: Suite): void {
  suite.it('filters by workflow, version and statuses', async () => {
    const { engine, other } = suite;
    const workflow = newId('workflow');
    const ids = new Map<string, string>();
    for (const version of ['1', '2']) {
      for (const status of ['running', 'paused', 'failed', 'completed'] as const) {
        const runId = await begun(engine, { workflow, version });
        ids.set(runId, `${version} ${status}`);
        await commit(engine, runId, 0, { becomes: { status } });
      }
    }
    const another = await begun(engine, { workflow: newId('workflow'), version: '1' });
    const list = async (query: Partial<RunQuery>) =>
      (await idsOf(other, { workflow, ...query })).map((id) => ids.get(id)).sort();
    assert.equal((await list({})).length, 8);
    assert.deepEqual(await list({ statuses: ['failed'] }), ['1 failed', '2 failed']);
    assert.deepEqual(await list({ statuses: ['paused', 'completed'], version: '2' }), ['2 completed', '2 paused']);
    assert.deepEqual(await list({ version: '1' }), ['1 completed', '1 failed', '1 paused', '1 running']);
    assert.deepEqual(await list({ statuses: ['cancelled', 'stalled'] }), []);
    assert.deepEqual(await list({ workflow: newId() }), []);
    assert.ok((await idsOf(other, { version: '1' })).includes(another));
    assert.ok((await idsOf(other, { statuses: ['running'] })).includes(another));
    assert.equal((await idsOf(other, { statuses: ['paused'] })).includes(another), false);
  });

  suite.it('finds a run under each status that it takes', async () => {
    const { engine } = suite;
    const workflow = newId('workflow');
    const runId = await begun(engine, { workflow, status: 'scheduled' });
    const found = async () => {
      const statuses = ['scheduled', 'running', 'awaiting', 'paused', 'failed', 'completed'] as const;
      const lists = await Promise.all(statuses.map((status) => idsOf(engine, { workflow, statuses: [status] })));
      return statuses.filter((_status, index) => lists[index]?.includes(runId));
    };
    assert.deepEqual(await found(), ['scheduled']);
    const path = ['running', 'awaiting', 'paused', 'failed', 'running', 'completed'] as const;
    for (const [seq, status] of path.entries()) {
      await commit(engine, runId, seq, always({ becomes: { status } }));
      assert.deepEqual(await found(), [status]);
    }
  });

  suite.it('filters by time of creation, with a lower and an upper limit', async () => {
    const { engine, workflow, records } = await someRuns(suite, 4, 5);
    const times = records.map(({ createdAt }) => createdAt);
    const [, second = 0, third = 0] = times;
    const list = (query: Partial<RunQuery>) => idsOf(engine, { workflow, order: 'oldest', ...query });
    const ids = records.map(({ runId }) => runId);
    assert.deepEqual(await list({ after: second }), ids.slice(1));
    assert.deepEqual(await list({ before: third }), ids.slice(0, 2));
    assert.deepEqual(await list({ after: second, before: third }), [ids[1]]);
    assert.deepEqual(await list({ after: second + 1, before: third + 1 }), [ids[2]]);
    assert.deepEqual(await list({ after: third, before: second }), []);
  });

  suite.it('returns the newest or the oldest first, up to the limit', async () => {
    const { engine, workflow, records } = await someRuns(suite, 5, 5);
    const ids = records.map(({ runId }) => runId);
    assert.deepEqual(await idsOf(engine, { workflow, order: 'oldest' }), ids);
    assert.deepEqual(await idsOf(engine, { workflow, order: 'newest' }), ids.toReversed());
    assert.deepEqual(await idsOf(engine, { workflow, order: 'newest', limit: 2 }), ids.toReversed().slice(0, 2));
    assert.deepEqual(await idsOf(engine, { workflow, order: 'oldest', limit: 1 }), ids.slice(0, 1));
  });

  suite.it('pages through runs that began in the same millisecond, without a gap or a repetition', async () => {
    const { engine, other } = suite;
    const workflow = newId('workflow');
    const prefix = newId('');
    const odd = oddTexts.map((text) => `${text.slice(0, 400)}${prefix}`);
    const plain = Array.from({ length: 260 }, (_, n) => `run-${n}${prefix}`);
    const ids = [...odd, ...plain];
    await Promise.all(ids.map((runId) => begun(engine, { runId, workflow, version: `${runId.length % 3}` })));
    for (const statuses of [undefined, ['running', 'failed'] as const]) {
      const all = await pages(other, { workflow, statuses, order: 'oldest', limit: 17 });
      assert.deepEqual(new Set(all), new Set(ids));
      assert.equal(all.length, ids.length);
      assert.deepEqual(await pages(other, { workflow, statuses, order: 'newest', limit: 17 }), all.toReversed());
      const some = await pages(other, { workflow, statuses, version: '1', order: 'oldest', limit: 5 });
      assert.deepEqual(
        some,
        all.filter((runId) => runId.length % 3 === 1),
      );
    }
  });

  suite.it('orders runs of the same millisecond by the UTF-8 bytes of their ids', async () => {
    const { engine, workflow } = await someRuns(suite, 0, 0);
    const prefix = newId('');
    // In the order of UTF-16 code units, the emoji would come before the ligature.
    const ids = ['A', 'Z', 'a', 'é', 'ﬀ', '😀'].map((text) => `${text}${prefix}`);
    await Promise.all(ids.toReversed().map((runId) => begun(engine, { runId, workflow })));
    const records = await engine.runInfoStore.listRuns(aQuery({ workflow, order: 'oldest' }));
    for (const [index, record] of records.slice(1).entries()) {
      const before = records[index] as RunRecord;
      const isTie = before.createdAt === record.createdAt;
      assert.ok(isTie ? ids.indexOf(before.runId) < ids.indexOf(record.runId) : before.createdAt < record.createdAt);
    }
  });

  suite.it('accepts all characters in workflows and versions', async () => {
    const { engine } = suite;
    const unique = newId('');
    for (const text of oddTexts) {
      const workflow = `${text}${unique}`;
      const runId = await begun(engine, { workflow, version: text });
      assert.deepEqual(await idsOf(engine, { workflow }), [runId], text);
      assert.deepEqual(await idsOf(engine, { workflow, version: text, statuses: ['running'] }), [runId], text);
      assert.deepEqual(await idsOf(engine, { workflow, version: `${text} ` }), [], text);
    }
  });
}

export const aState = { nodeId: 'node', visit: 1, attempt: 1, workerId: 'worker', startedAt: 1_700_000_000_000 };

/**
 * Starts runs of a new workflow.
 *
 * @param apart - milliseconds between two starts
 */
async function someRuns({ engine }: Suite, count: number, apart: number) {
  const workflow = newId('workflow');
  const records: RunRecord[] = [];
  while (records.length < count) {
    const runId = await begun(engine, { workflow });
    records.push((await engine.runInfoStore.getRun(runId)) as RunRecord);
    const { createdAt } = records.at(-1) as RunRecord;
    await until(async () => assert.ok((await timeOf(engine)) >= createdAt + apart));
  }
  return { engine, workflow, records };
}

export async function idsOf(engine: Engine, query: Partial<RunQuery>): Promise<string[]> {
  return (await engine.runInfoStore.listRuns(aQuery(query))).map(({ runId }) => runId);
}
