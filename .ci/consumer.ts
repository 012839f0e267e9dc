// Compiled against the declarations of the packed tarball, without skipLibCheck.
import { Orchestrator, type RetryOptions, type TaskCompletionEvent } from 'orchestrator';
import { Flow, type IExecutor, InMemoryExecutor, Node, type NodeArgs, type WorkflowResult } from 'orchestrator/flow';

interface State {
  requests: number;
}

const retry: RetryOptions = { retries: 3, retryAfter: () => '1' };
const orchestrator = new Orchestrator<State>({ retry, timeout: { attempt: 1_000, total: 5_000 } });
orchestrator.onTaskCompletion((event: TaskCompletionEvent<State>) => event.context.requests++);

const length = orchestrator.action((text: string) => text.length);
const both = orchestrator.parallel([length, () => 'two']);
export const results: Promise<[number, string]> = orchestrator.run(() => both('one'));
export const lengths: Promise<number[]> = orchestrator.map(['a', 'b'], length, { concurrency: 2 });

class Double extends Node<State, number, number> {
  override prep({ context }: NodeArgs<State>) {
    return context.requests;
  }

  override exec({ prepRes }: NodeArgs<State, number>) {
    return prepRes * 2;
  }
}

const executor: IExecutor = new InMemoryExecutor();
const flow = new Flow<State>('consumer').node('double', Double).node('length', length).edge('double', 'length');
export const result: Promise<WorkflowResult<State>> = flow.run({ requests: 1 }, { executor });
// @ts-expect-error there is no such node
flow.edge('double', 'nowhere');
