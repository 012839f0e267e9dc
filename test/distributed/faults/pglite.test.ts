import { expect, it } from 'vitest';
import { removeDirectory, temporaryDirectory } from '../servers/reaper.js';
import { startAlone } from './alone.js';
import type { FaultPoint } from './fixtures/fault-points.js';
import { nodesOf } from './fixtures/flows.js';

it.each(['after commit', 'before enqueue'] as const)(
  'a program on a directory that is killed %s, twice, continues when it is restarted',
  async (at) => {
    const directory = await temporaryDirectory();
    try {
      for (const time of [3, 6]) {
        expect(await start(directory, { at, time }).exited).toEqual({ code: null, signal: 'SIGKILL' });
      }
      const last = start(directory);
      const told = await last.waitFor(({ type }) => type === 'checked', 180_000);
      for (const { workflow, status, completed, count, pending } of told.type === 'checked' ? told.runs : []) {
        const nodes = nodesOf(workflow);
        expect({ workflow, status, completed: [...completed].sort(), pending }).toEqual({
          workflow,
          status: 'completed',
          completed: [...nodes].sort(),
          pending: 0,
        });
        expect(count).toBe(nodes.filter((node) => node !== 'inside').length);
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

function start(directory: string, faultPoint?: FaultPoint) {
  return startAlone(directory, faultPoint && { FAULT_POINT: JSON.stringify(faultPoint) });
}
