import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../servers/eventually.js';
import { removeDirectory, temporaryDirectory } from '../servers/reaper.js';
import { startAlone } from './alone.js';
import type { FaultPoint } from './fixtures/fault-points.js';
import { describeEngines, type EngineServer, type Site, withSite } from './site.js';

const killed = { code: null, signal: 'SIGKILL' };
const points = ['before commit', 'during commit', 'after commit'] as const;
const faultPointAt = (at: FaultPoint['at']): FaultPoint => ({ at, time: 1, entry: 'due' });

/** When the signals are sent, in milliseconds after the expiry. `undefined`: never. */
const moments = [undefined, -1_000, -40, -10, -3, 0, 3, 10, 40, 1_000];

/** Waits until a run waits, and returns the time at which its wait expires. */
async function expiryOf({ orchestrator }: Site, runId: string): Promise<number> {
  const wait = await eventually(async () => (await orchestrator.result(runId)).awaiting[0] ?? false);
  return wait.until as number;
}

/** Asserts that one of the two ends of the wait has happened, and that the answer to the signal agrees. */
async function expectOneEnd(site: Site, runId: string, answer: string | undefined) {
  const { orchestrator } = site;
  const { status, error } = await orchestrator.run(runId);
  expect({ status, error }).toEqual({ status: 'completed', error: undefined });
  const ended = (await site.completions(runId)).map(({ nodeId }) => nodeId);
  const end = answer === 'delivered' ? 'ship' : 'escalate';
  expect({ answer, ended: ended.sort() }).toEqual({ answer, ended: ['load', 'approve', end].sort() });
  expect(await orchestrator.context(runId)).toMatchObject({ count: 2 });
  expect(await orchestrator.pendingWork(runId)).toEqual([]);
}

describeEngines('a worker that is killed when a wait expires', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  });

  it.concurrent.each(points)('%s, leaves each wait one end, of which signals from elsewhere are told', (at) =>
    withSite(server, async (site) => {
      const victim = await site.startWorker({ faultPoint: faultPointAt(at) });
      const runIds = await site.startMany('approval', moments.length);
      const signalled = runIds.map(async (runId, index) => {
        const until = await expiryOf(site, runId);
        const moment = moments[index];
        if (moment === undefined) return undefined;
        await sleep(Math.max(0, until + moment - Date.now()));
        return site.orchestrator.signal(runId, 'approve', 'yes');
      });
      expect(await victim.exited).toEqual(killed);
      await site.rescue();
      const answers = await Promise.all(signalled);
      await site.finish(runIds);
      for (const [index, runId] of runIds.entries()) await expectOneEnd(site, runId, answers[index]);
      expect(answers.filter((answer) => answer === 'kept' || answer === 'duplicate')).toEqual([]);
      expect(answers.at(-1)).toBe('too-late');
      await site.expectNothingLeft();
    }),
  );
});

describe('a program on a directory', () => {
  // At the same time, because a program on a directory takes seconds to start.
  it.concurrent.each(['before commit', 'after commit'] as const)(
    'that is killed %s when a wait expires, ends the wait once when it is restarted',
    async (at) => {
      const directory = await temporaryDirectory();
      const program = (env: Record<string, string>) =>
        startAlone(directory, { WORKFLOWS: '["approval", "approval"]', ...env });
      try {
        expect(await program({ FAULT_POINT: JSON.stringify(faultPointAt(at)) }).exited).toEqual(killed);
        const last = program({ SIGNAL: 'approve' });
        const told = await last.waitFor(({ type }) => type === 'checked', 180_000);
        for (const { status, completed, count, pending, outcome } of told.type === 'checked' ? told.runs : []) {
          expect({ status, completed, count, pending, outcome }).toEqual({
            status: 'completed',
            completed: ['load', 'approve', 'escalate'],
            count: 2,
            pending: 0,
            outcome: 'too-late',
          });
        }
        const { depth } = Object(await last.waitFor(({ type }) => type === 'counted'));
        expect(depth).toEqual({ waiting: 0, delayed: 0, active: 0 });
        expect(await last.exited).toEqual({ code: 0, signal: null });
      } finally {
        await removeDirectory(directory);
      }
    },
    300_000,
  );
});
