import type { WorkerProcess } from '../servers/processes.js';
import type { Answer, Call, Outcome } from './fixtures/orchestrator.js';

/** Messages of the orchestrator's program. */
export type OrchestratorTold =
  | Answer
  | { readonly type: 'ready'; readonly time: number }
  | { readonly type: 'warning'; readonly name: string; readonly message: string };

const answered = Symbol('answered');

/** Returns true if an orchestrator rejected with this error. Otherwise no answer has come. */
export function isAnswer(error: unknown): boolean {
  return Object(error)[answered] === true;
}

/** An orchestrator in another process, whose methods can be called. */
export class RemoteOrchestrator {
  #calls = 0;

  constructor(readonly process: WorkerProcess<OrchestratorTold>) {}

  /** Resolves when its engine is open. @returns the time of its clock, in epoch milliseconds */
  async ready(): Promise<number> {
    const isReady = (told: OrchestratorTold): told is Extract<OrchestratorTold, { type: 'ready' }> =>
      told.type === 'ready';
    return (await this.process.waitFor(isReady, 30_000)).time;
  }

  /** Calls a method in the process. Rejects with the error of the method, as far as it can be sent. */
  async ask<Name extends Call['call']>(call: Name, ...args: Call<Name>['args']): Promise<unknown> {
    const number = ++this.#calls;
    this.process.send({ number, call, args });
    const isAnswer = (told: OrchestratorTold): told is Answer => told.type === 'answer' && told.number === number;
    const outcome: Outcome = await this.process.waitFor(isAnswer, 60_000);
    if ('value' in outcome) return outcome.value;
    throw Object.assign(new Error(outcome.error.message), outcome.error, { [answered]: true });
  }

  kill(): Promise<unknown> {
    return this.process.kill();
  }
}
