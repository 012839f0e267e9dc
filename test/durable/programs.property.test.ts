import { Orchestrator } from 'orchestrator';
import { sleep, step } from 'orchestrator/durable';
import { explore } from 'orchestrator/durable/testing';
import { it } from 'vitest';
import fc from '../properties.js';

/** A random program: a tree of calls. */
type Program =
  | { readonly kind: 'call'; readonly n: number; readonly turns: number; readonly fails: boolean }
  | { readonly kind: 'sleep' }
  | {
      readonly kind: 'sequence' | 'all' | 'map' | 'limited' | 'parallel' | 'settled' | 'run';
      readonly inner: readonly Program[];
    };

const programs = fc.letrec<{ program: Program }>((tie) => ({
  program: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({
      kind: fc.constant('call' as const),
      n: fc.nat(2),
      turns: fc.nat(3),
      fails: fc.boolean().map((fails) => fails && true),
    }),
    fc.constant({ kind: 'sleep' as const }),
    fc.record({
      kind: fc.constantFrom('sequence', 'all', 'map', 'limited', 'parallel', 'settled', 'run'),
      inner: fc.array(tie('program'), { minLength: 1, maxLength: 3 }),
    }) as fc.Arbitrary<Program>,
  ),
})).program;

const orchestrator = new Orchestrator<Record<string, unknown>>();
const call = orchestrator.action('call', async (n: number, turns: number, fails: boolean) => {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  if (fails) throw new RangeError(`no ${n}`);
  return n;
});

/** Executes a program, and returns all that it has seen, in order. */
async function execute(program: Program): Promise<unknown> {
  switch (program.kind) {
    case 'call':
      return call(program.n, program.turns, program.fails);
    case 'sleep':
      return sleep(0);
    case 'sequence': {
      const seen: unknown[] = [];
      for (const one of program.inner) seen.push(await caught(one));
      return seen;
    }
    case 'all': {
      const order: unknown[] = [];
      await Promise.all(program.inner.map(async (one, index) => order.push([index, await caught(one)])));
      return order.length;
    }
    case 'map':
      return orchestrator.map(program.inner, execute);
    case 'limited':
      return orchestrator.map(program.inner, execute, { concurrency: 2, settle: true });
    case 'parallel':
      return orchestrator.parallel(program.inner.map((one) => () => execute(one)))();
    case 'settled':
      return (await Promise.allSettled(program.inner.map(execute))).map(({ status }) => status);
    case 'run':
      return orchestrator.run(async () => [
        await step('one', () => 1),
        ...((await execute({ ...program, kind: 'map' })) as unknown[]),
      ]);
  }
}

async function caught(program: Program): Promise<unknown> {
  return execute(program).catch((error: Error) => [error.name, error.message]);
}

it('random programs that are killed at every record end like those that are not', async () => {
  const property = fc.asyncProperty(programs, async (program) => {
    await explore(() => execute(program), { orchestrator });
  });
  await fc.assert(property, { numRuns: 60, interruptAfterTimeLimit: 60_000 });
}, 300_000);
