import type { Orchestrator } from 'orchestrator';

/** A promise and the functions that settle it. */
export function deferred<Value = void>() {
  let resolve!: (value: Value) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<Value>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}

/** The error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection, but it resolved');
}

/** A function that fails the given number of times and then returns the value. */
export function failing<Value>(times: number, value: Value, error: () => unknown = () => new Error('failed')) {
  let calls = 0;
  return async function flaky(): Promise<Value> {
    calls += 1;
    if (calls <= times) throw error();
    return value;
  };
}

/** Records every event of an orchestrator as a short line. */
export function recorded<State extends object>(orchestrator: Orchestrator<State>): string[] {
  const lines: string[] = [];
  orchestrator
    .onProcessBegin(() => lines.push('process begins'))
    .onTaskBegin(({ name }) => lines.push(`${name} begins`))
    .onTaskRetry(({ name, attempt }) => lines.push(`${name} failed attempt ${attempt}`))
    .onTaskCompletion(({ name, status }) => lines.push(`${name} ${status}`))
    .onProcessCompletion(({ status }) => lines.push(`process ${status}`));
  return lines;
}

/**
 * Runs everything that is ready, without advancing the time. Takes several turns of the event loop, because work that
 * finds its share of a turn used up, as on a busy machine, continues in the next turn.
 */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Names of the resources of some kinds that keep the process alive. */
export function resourcesOf(...kinds: readonly string[]): string[] {
  return process.getActiveResourcesInfo().filter((name) => kinds.includes(name));
}

/** Number of active timers in the process. */
export function timers(): number {
  return resourcesOf('Timeout').length;
}

/** Holds executions until they are released, and records which have started. */
export function gate() {
  const executions: string[] = [];
  const { promise, resolve } = deferred();
  const pass = async (name: string) => {
    executions.push(name);
    await promise;
    return name;
  };
  return { executions, open: () => resolve(), pass };
}
