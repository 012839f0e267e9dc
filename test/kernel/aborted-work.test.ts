import { Orchestrator, type Policy } from 'orchestrator';
import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support.js';

const reason = new Error('enough');
const forever = () => new Promise<number>(() => {});
const orchestrator = new Orchestrator();
const lenient: Policy = { execute: (fn) => fn().catch(() => 'made up') };

/** Everything that can be called in a run. Without an abort, each call returns a result or never ends. */
const works: readonly [string, () => Promise<unknown>][] = [
  ['an action', orchestrator.action(forever)],
  [
    'an action with limits and a fallback',
    orchestrator.action(forever, { timeout: { total: 60_000, fallback: () => 1 } }),
  ],
  ['an action that is retried', orchestrator.action(forever, { retry: 5 })],
  ['an action whose policy gives a result for a failure', orchestrator.action(forever, { policy: lenient })],
  ['an inner run', () => orchestrator.run(forever)],
  ['an inner run with a limit', () => orchestrator.run(forever, { timeout: 60_000 })],
  ['parallel', orchestrator.parallel([forever, orchestrator.action(forever)])],
  ['parallel with settle', orchestrator.parallel([() => 1, orchestrator.action(forever)], { settle: true })],
  ['parallel with failFast', orchestrator.parallel({ a: forever, b: () => 1 }, { failFast: true })],
  ['map', () => orchestrator.map([1, 2, 3], forever, { concurrency: 1 })],
  ['map with settle', () => orchestrator.map([1, 2, 3], orchestrator.action(forever), { settle: true })],
];

describe('work whose run is aborted', () => {
  it.each(works)('rejects with the abort reason, before and during the work: %s', async (_, work) => {
    const aborter = new AbortController();
    let inside: Promise<unknown> | undefined;
    let after: Promise<unknown> | undefined;
    const run = orchestrator.run(
      async () => {
        inside = rejection(work());
        await inside;
        after = rejection(work());
        return 'a result all the same';
      },
      { signal: aborter.signal },
    );
    setImmediate(() => aborter.abort(reason));
    expect(await rejection(run)).toBe(reason);
    expect(await inside).toBe(reason);
    expect(await after).toBe(reason);
    expect(await rejection(orchestrator.run(work, { signal: AbortSignal.abort(reason) }))).toBe(reason);
  });

  it('of a flow gives a result with the status cancelled and the reason, before and during the run', async () => {
    const flow = new Flow('f').node('a', forever);
    const expected = { status: 'cancelled', reason };
    const aborter = new AbortController();
    setImmediate(() => aborter.abort(reason));
    expect(await flow.run({}, { signal: aborter.signal })).toMatchObject(expected);
    expect(await flow.run({}, { signal: AbortSignal.abort(reason) })).toMatchObject(expected);
  });
});
