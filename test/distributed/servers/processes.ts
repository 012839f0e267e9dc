import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { compiled } from '../../programs/compiled.js';
import { guardProcess } from './reaper.js';
import { track } from './track.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface WorkerProcessOptions {
  /**
   * The file to run: a URL (`new URL('./fixtures/worker.ts', import.meta.url)`) or a path from the package's folder.
   */
  readonly module: URL | string;
  /** Variables for its environment, in addition to those of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** If true, the file is JavaScript that needs no compiler. Default: false. */
  readonly isBuilt?: boolean;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<{ kill(): Promise<Exit> }>();

/**
 * Runs a file in a process of its own, which communicates by `process.send(...)`. Killed at the end of the test file.
 */
export function startWorkerProcess<Message = unknown>(options: WorkerProcessOptions): WorkerProcess<Message> {
  const worker = new WorkerProcess<Message>(options);
  const stop = track(async () => {
    await worker.kill();
  });
  running.add(worker);
  worker.exited.then(() => {
    running.delete(worker);
    return stop();
  });
  return worker;
}

/** Kills all running worker processes, for `afterEach(killWorkerProcesses)`. */
export async function killWorkerProcesses(): Promise<void> {
  await Promise.all([...running].map((worker) => worker.kill()));
}

export class WorkerProcess<Message> {
  /** Resolves with the exit of the process, after everything that it sent and printed has arrived. */
  readonly exited: Promise<Exit>;
  readonly #file: string;
  readonly #process: ChildProcess;
  readonly #messages: Message[] = [];
  readonly #unclaimed: Message[] = [];
  #output = '';

  constructor({ module, env, isBuilt = false }: WorkerProcessOptions) {
    this.#file = module instanceof URL ? fileURLToPath(module) : module;
    const program = isBuilt ? this.#file : compiled(this.#file);
    this.#process = spawn(process.execPath, [program], {
      cwd: root,
      env: { ...process.env, VITEST_WORKER_ID: undefined, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#process.setMaxListeners(0);
    guardProcess(this.#process);
    this.exited = once(this.#process, 'close').then(([code, signal]) => ({ code, signal }));
    this.#process.on('message', (message: Message) => {
      this.#messages.push(message);
      this.#unclaimed.push(message);
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
  }

  get pid(): number {
    return Number(this.#process.pid);
  }

  /** All messages that the process has sent. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** All output of the process. */
  get output(): string {
    return this.#output;
  }

  send(message: object): void {
    // Ignores the error of a process that has died meanwhile. `waitFor` and `exited` report the death.
    this.#process.send(message, () => {});
  }

  /**
   * Waits for the first message that matches and was not returned by an earlier call, whether sent before or after this
   * call.
   *
   * @param timeout - the maximum time in milliseconds. Default: 60000, for busy machines. Rejects at once when the
   *   process ends.
   */
  async waitFor<Wanted extends Message>(
    fits: ((message: Message) => message is Wanted) | ((message: Message) => boolean),
    timeout = 60_000,
  ): Promise<Wanted> {
    const done = new AbortController();
    const late = quiet(sleep(timeout, `no such message within ${timeout} ms`, { signal: done.signal }));
    const gone = this.exited.then(({ code, signal }) => `ended with ${signal ?? code}, without such a message`);
    let failure: string | undefined;
    try {
      for (;;) {
        const index = this.#unclaimed.findIndex(fits);
        if (index >= 0) return this.#unclaimed.splice(index, 1)[0] as Wanted;
        if (failure !== undefined) throw new Error(`${this.#file}: ${failure}; ${this.#told()}`);
        const next = quiet(once(this.#process, 'message', { signal: done.signal }));
        failure = await Promise.race([next.then(() => undefined), late, gone]);
      }
    } finally {
      done.abort();
    }
  }

  /** Sends a signal that may leave the process running, such as `SIGSTOP` and `SIGCONT`. */
  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Sends a signal and waits for the end of the process. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.#process.kill(signal);
    return this.exited;
  }

  /** The last messages and output, for the message of an error. */
  #told(): string {
    return `sent ${JSON.stringify(this.#messages.slice(-5))}, printed ${JSON.stringify(this.#output.slice(-2_000))}`;
  }
}

/** Ignores a rejection that may have no listener left. */
function quiet<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined);
  return promise;
}
