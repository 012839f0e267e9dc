import { Flow } from 'orchestrator/flow';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fleetOf } from './fleet.js';

const month = 30 * 86_400_000;

const flow = new Flow('trial')
  .node('a', () => 1)
  .sleep('month', { duration: month })
  .node('mail', () => 'sent')
  .edge('a', 'month')
  .edge('month', 'mail');

const warnings: string[] = [];
const note = ({ name }: Error) => void warnings.push(name);

beforeEach(() => {
  vi.useFakeTimers();
  warnings.length = 0;
  process.on('warning', note);
});

afterEach(() => {
  process.off('warning', note);
  vi.useRealTimers();
});

describe('memory()', () => {
  it.each([
    ['a sleep', async (orchestrator: Fleet['orchestrator']) => orchestrator.startRun()],
    [
      'a delayed start',
      (orchestrator: Fleet['orchestrator']) => orchestrator.startRun({}, 1, { delay: month, workflow: 'plain' }),
    ],
  ])('waits for a month without looking more than twice a minute: %s', async (_name, start) => {
    const plain = new Flow('plain').node('mail', () => 'sent');
    const { orchestrator } = await fleetOf([flow, plain]);
    const runId = await start(orchestrator);
    await vi.advanceTimersByTimeAsync(1_000);
    const set = vi.spyOn(globalThis, 'setTimeout');
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    expect(set.mock.calls.length).toBeLessThanOrEqual(20);
    set.mockRestore();
    expect(warnings).toEqual([]);
    expect((await orchestrator.pendingWork(runId))[0]?.state).toBe('delayed');
    await orchestrator.cancel(runId);
    expect(await orchestrator.status(runId)).toBe('cancelled');
  });

  it('continues within half a minute after the machine has slept past the time', async () => {
    const { orchestrator } = await fleetOf(flow);
    const runId = await orchestrator.startRun();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await orchestrator.status(runId)).toBe('awaiting');
    vi.setSystemTime(Date.now() + month);
    await vi.advanceTimersByTimeAsync(31_000);
    expect(await orchestrator.run(runId)).toMatchObject({ status: 'completed', output: 'sent' });
  });
});

type Fleet = Awaited<ReturnType<typeof fleetOf>>;
