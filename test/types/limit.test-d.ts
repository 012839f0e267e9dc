import {
  type Limit,
  type LimitOptions,
  limit,
  Orchestrator,
  type TaskCompletionEvent,
  type TaskRecord,
} from 'orchestrator';
import { Flow } from 'orchestrator/flow';
import { Loop } from 'orchestrator/loops';
import { describe, expectTypeOf, it } from 'vitest';

interface Prompt {
  tenant: string;
  tokens: number;
}

const orchestrator = new Orchestrator();
const askModel = async (prompt: Prompt, _retries?: number) => prompt.tenant;

describe('limit', () => {
  it('gives key and cost the parameters of the function', () => {
    const ask = orchestrator.action(askModel, {
      limit: {
        rate: 10,
        key: (prompt) => {
          expectTypeOf(prompt).toEqualTypeOf<Prompt>();
          return prompt.tenant;
        },
        cost: (prompt, retries) => {
          expectTypeOf(retries).toEqualTypeOf<number | undefined>();
          return prompt.tokens;
        },
        pauseOn: (error) => {
          expectTypeOf(error).toEqualTypeOf<Error>();
          return error.message === '429' ? 1_000 : undefined;
        },
      },
    });
    expectTypeOf(ask).parameters.toEqualTypeOf<[prompt: Prompt, _retries?: number]>();
    expectTypeOf(ask).returns.toEqualTypeOf<Promise<string>>();
  });

  it('does not decide the parameters of the action', () => {
    const act = orchestrator.action((id: string, page?: number) => `${id}${page}`, {
      limit: { rate: 1, key: (id) => id },
    });
    expectTypeOf(act).parameters.toEqualTypeOf<[id: string, page?: number]>();
  });

  it('that has neither key nor cost fits every action, orchestrator, flow and loop', () => {
    const shared = limit({ concurrency: 5 });
    orchestrator.action(askModel, { limit: shared });
    orchestrator.action(() => 1, { limit: [shared, { rate: 1 }] });
    orchestrator.withOptions(orchestrator.action(askModel), { limit: null });
    new Orchestrator({ limit: shared });
    new Flow('f').node('a', () => 1, { limit: shared }).node('b', () => 1, { limit: { rate: 1 } });
    new Loop('l').producer('p', () => 1, { limit: shared }).blocking('b', () => {}, { limit: 'github' });
    expectTypeOf(shared.running).toEqualTypeOf<number>();
  });

  it('with a key fits the actions whose parameters the key takes', () => {
    const perTenant = limit({ rate: 10, key: (prompt: { tenant: string }) => prompt.tenant });
    expectTypeOf(perTenant).toEqualTypeOf<Limit<[prompt: { tenant: string }]>>();
    orchestrator.action(askModel, { limit: perTenant });
    // @ts-expect-error a number has no tenant
    orchestrator.action((n: number) => n, { limit: perTenant });
  });

  it('has options that are checked', () => {
    expectTypeOf<LimitOptions['per']>().toEqualTypeOf<number | undefined>();
    // @ts-expect-error a key is a string or a number
    limit({ rate: 1, key: () => ({}) });
    // @ts-expect-error there is no such option
    limit({ rates: 1 });
    // @ts-expect-error a blueprint has no functions
    new Flow('f').load({ nodes: [{ id: 'a', uses: 'a', config: { limit: { rate: 1, key: () => 'a' } } }], edges: [] });
  });

  it('is in the records of tasks', () => {
    expectTypeOf<TaskRecord['waited']>().toEqualTypeOf<number>();
    expectTypeOf<TaskCompletionEvent['waited']>().toEqualTypeOf<number>();
    expectTypeOf<TaskRecord['isWaiting']>().toEqualTypeOf<boolean>();
  });
});
