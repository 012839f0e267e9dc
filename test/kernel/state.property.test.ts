import { Orchestrator } from 'orchestrator';
import { expect, it } from 'vitest';
import fc from '../properties.js';

type Step = { readonly kind: 'add' | 'push' | 'set' | 'nest'; readonly value: number };
interface State {
  count: number;
  list: number[];
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('add', 'push', 'set', 'nest'),
  value: fc.integer({ min: 1, max: 9 }),
});
const programs = fc.array(fc.array(step, { maxLength: 6 }), { minLength: 2, maxLength: 5 });

/** Returns the state that a run leaves if it runs alone. */
function alone(program: readonly Step[]): State {
  const state: State = { count: 0, list: [] };
  for (const { kind, value } of program) {
    if (kind === 'add') state.count += value;
    if (kind === 'push') state.list.push(value);
    if (kind === 'set') state.count = value;
  }
  return state;
}

it('stays separate for each run, however runs are interleaved', async () => {
  await fc.assert(
    fc.asyncProperty(programs, fc.scheduler(), async (list, scheduler) => {
      const orchestrator = new Orchestrator<State>({ state: { count: 0, list: [] } });
      let turn = 0;
      const pause = () => scheduler.schedule(Promise.resolve(), `turn ${turn++}`);
      const apply = orchestrator.action(async ({ kind, value }: Step) => {
        await pause();
        if (kind === 'set') orchestrator.setState('count', value);
        if (kind === 'add') orchestrator.getState().count += value;
        if (kind === 'push') orchestrator.getState().list.push(value);
        if (kind === 'nest') {
          await orchestrator.run(async () => {
            orchestrator.setState({ count: 99, list: [99] });
            await pause();
          });
        }
        await pause();
      });
      const run = (program: readonly Step[]) =>
        orchestrator.run(async () => {
          for (const one of program) await apply(one);
          return orchestrator.getState();
        });
      const results = await scheduler.waitFor(Promise.all(list.map(run)));
      expect(results).toEqual(list.map(alone));
    }),
    { numRuns: 200 },
  );
});
