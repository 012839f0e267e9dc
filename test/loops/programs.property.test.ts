import { done, Loop, type Overflow, type Workflow, WorkflowOrchestrator } from 'orchestrator/loops';
import { expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import fc from '../properties.js';
import { patient } from './support.js';

const overflows = ['block', 'drop-oldest', 'drop-newest', 'fail'] as const;
const policies = ['continue', { action: 'restart', backoff: 1, maxBackoff: 2, limit: 1_000 }] as const;

/** A chain of loops: a source, stages that pass values on, and a sink. */
const aProgram = fc.record({
  count: fc.integer({ min: 1, max: 60 }),
  queues: fc.array(
    fc.record({ capacity: fc.integer({ min: 1, max: 12 }), overflow: fc.constantFrom<Overflow>(...overflows) }),
    { minLength: 1, maxLength: 3 },
  ),
  /** Behaviour of each loop that reads a queue. */
  stages: fc.array(
    fc.record({
      batch: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      isAsync: fc.boolean(),
      fails: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 3 }),
      onError: fc.constantFrom(...policies),
    }),
    { minLength: 3, maxLength: 3 },
  ),
  meddling: fc.array(
    fc.record({
      what: fc.constantFrom('pause', 'resume', 'stop and start', 'replay'),
      who: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 8 },
  ),
  isAsyncSource: fc.boolean(),
});

type Program = typeof aProgram extends fc.Arbitrary<infer Value> ? Value : never;

const turn = () => new Promise((resolve) => setImmediate(resolve));

function built({ count, queues, stages, isAsyncSource }: Program) {
  const nameOf = (index: number) => `q${index}`;
  let last = 0;
  /** The output of each loop in order, and its failures. */
  const left: number[][] = queues.map(() => []);
  const next = () => (last < count ? ++last : done);
  const source = new Loop('l0')
    .producer('count', isAsyncSource ? () => turn().then(next) : next)
    .push('out', nameOf(0));
  const loops = queues.map((_, index) => {
    const { batch, isAsync, fails, onError } = stages[index] as Program['stages'][number];
    const failed = new Set<number>();
    const work = (value: number) => {
      if (fails.includes(value) && !failed.has(value)) {
        failed.add(value);
        throw new Error(`no ${value}`);
      }
      left[index]?.push(value);
      return value;
    };
    // Nested batches are flattened.
    const each = (given: unknown) => flat([given]).map(work);
    const later = (given: unknown) => turn().then(() => each(given));
    const loop = new Loop(`l${index + 1}`, { onError })
      .read('in', nameOf(index), batch === undefined ? {} : { batch })
      .blocking('work', (given: unknown) => (isAsync ? later(given) : each(given)));
    if (index + 1 === queues.length) return loop;
    return loop.push('out', nameOf(index + 1));
  });
  const workflow: Workflow = {
    queues: Object.fromEntries(queues.map((queue, index) => [nameOf(index), queue])),
    loops: [...loops.reverse(), source],
  };
  return { workflow, left };
}

async function meddle(
  orchestrator: WorkflowOrchestrator,
  { what, who }: Program['meddling'][number],
  loops: number,
  replays: Promise<unknown>[],
): Promise<void> {
  const loopId = `l${who % loops}`;
  try {
    if (what === 'pause') void orchestrator.pause(loopId).catch(() => undefined);
    if (what === 'resume') orchestrator.resume(loopId);
    if (what === 'replay') replays.push(orchestrator.deadLetters.replay());
    if (what === 'stop and start') {
      // A push that waits for room in the queue of a paused loop is interrupted.
      await orchestrator.stop({ loopId, drain: false, ...patient });
      await orchestrator.start(loopId);
    }
  } catch {
    // The loop has ended or does not run.
  }
  await turn();
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const flat = (values: readonly unknown[]) => values.flat(Number.POSITIVE_INFINITY) as number[];

it('whatever happens to them, loops lose nothing, keep the order, and stop in time', async () => {
  await fc.assert(
    fc.asyncProperty(aProgram, async (program) => {
      const { workflow, left } = built({ ...program, meddling: [] });
      const orchestrator = new WorkflowOrchestrator({ deadLetterCapacity: 100_000 }).load(workflow);
      let failures = 0;
      orchestrator.on('failure', () => failures++);
      await orchestrator.start();
      await turn();
      const started = performance.now();
      const { messages, abandoned } = await orchestrator.close(patient);
      expect(performance.now() - started).toBeLessThan(patient.deadline);
      expect({ messages, abandoned }).toEqual({ messages: 0, abandoned: 0 });
      const { queues } = orchestrator.metrics();
      for (const [index, { overflow }] of program.queues.entries()) {
        const { pushed, acknowledged, dropped, depth, unacknowledged, blocked } = queues[
          index
        ] as (typeof queues)[number];
        // Every pushed value was acknowledged, or dropped by the overflow policy.
        expect({ depth, unacknowledged, blocked }).toEqual({ depth: 0, unacknowledged: 0, blocked: 0 });
        if (overflow === 'drop-oldest') expect(acknowledged).toBeGreaterThanOrEqual(pushed - dropped);
        else expect(acknowledged).toBe(pushed);
        if (overflow === 'block' || overflow === 'fail') expect(dropped).toBe(0);
        const values = flat(left[index] ?? []);
        expect(values).toEqual([...values].sort((one, other) => one - other));
      }
      const dead = orchestrator.deadLetters.list();
      expect(dead).toHaveLength(failures);
      if (program.queues.every(({ overflow }) => overflow === 'block')) {
        const ended = new Set([...(left.at(-1) ?? []), ...flat(dead.map(({ value }) => value))]);
        expect([...ended].sort((one, other) => one - other)).toEqual(numbers(Number(queues[0]?.pushed)));
      }
    }),
    { numRuns: 150 },
  );
}, 600_000);

it('with pauses, restarts and replays, every value that was not dropped was processed or is a dead letter', async () => {
  await fc.assert(
    fc.asyncProperty(aProgram, async (given) => {
      // A batch fails as a whole, although some of its values were counted already. Single values leave no doubt.
      const program = { ...given, stages: given.stages.map((stage) => ({ ...stage, batch: undefined })) };
      const { workflow, left } = built(program);
      const orchestrator = new WorkflowOrchestrator({ deadLetterCapacity: 100_000 }).load(workflow);
      await orchestrator.start();
      const replays: Promise<unknown>[] = [];
      for (const step of program.meddling) await meddle(orchestrator, step, program.queues.length + 1, replays);
      orchestrator.resume();
      const idle = [...orchestrator.metrics().loops].filter(({ state }) => state === 'stopped' || state === 'error');
      for (const { loopId } of idle) if (loopId !== 'l0') await orchestrator.start(loopId).catch(() => undefined);
      // Independent loops run until all numbers are used.
      await eventually(() => orchestrator.metrics().loops.at(-1)?.state === 'stopped');
      // A value that is pushed again after the end of a loop would be there at the next start.
      await Promise.all(replays);
      const { messages } = await orchestrator.stop(patient);
      expect(messages).toBe(0);
      const isLossless = program.queues.every(({ overflow }) => overflow === 'block');
      const dead = orchestrator.deadLetters.list().map(({ value }) => value);
      if (isLossless) {
        const seen = new Set([...(left.at(-1) ?? []), ...flat(dead)]);
        expect(numbers(program.count).filter((value) => !seen.has(value))).toEqual([]);
      }
      await orchestrator.close();
    }),
    { numRuns: 150, endOnFailure: true },
  );
}, 600_000);
