import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { guardProcess } from './reaper.js';
import { track } from './track.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface WorkerProcessOptions {
  /** The file to run: a URL (`new URL('./fixtures/worker.ts', import.meta.url)`) or a path from the package's folder. */
  readonly module: URL | string;
  /** Variables for its environment, beside those of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** If true, the file is JavaScript that needs no compiler. Default: false. */
  readonly isBuilt?: boolean;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<{ kill(): Promise<Exit> }>();

/** Runs a file in a process of its own. It talks with `process.send(...)`; killed at the end of the test file. */
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

/** Kills every worker process that still runs, for `afterEach(killWorkerProcesses)`. */
export async function killWorkerProcesses(): Promise<void> {
  await Promise.all([...running].map((worker) => worker.kill()));
}

export class WorkerProcess<Message> {
  /** How it ended, once all that it sent and printed is here. */
  readonly exited: Promise<Exit>;
  readonly #file: string;
  readonly #process: ChildProcess;
  readonly #messages: Message[] = [];
  readonly #unclaimed: Message[] = [];
  #output = '';

  constructor({ module, env, isBuilt = false }: WorkerProcessOptions) {
    this.#file = module instanceof URL ? fileURLToPath(module) : module;
    this.#process = spawn(process.execPath, [...(isBuilt ? [] : ['--import', 'tsx']), this.#file], {
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

  /** All that it has sent. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** All that it has printed. */
  get output(): string {
    return this.#output;
  }

  send(message: object): void {
    // One that has died meanwhile is told nothing; whoever waits for it sees that.
    this.#process.send(message, () => {});
  }

  /**
   * The first message that fits and that no earlier call was given, sent before or from now on.
   *
   * @param timeout How long to wait, in milliseconds. Default: 60,000, for machines that are busy. It also rejects as soon as the process has ended.
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

  /** Sends a signal that need not end it, such as `SIGSTOP` and `SIGCONT`. */
  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Sends a signal and waits for its end. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.#process.kill(signal);
    return this.exited;
  }

  /** The last that came of it, for the message of an error. */
  #told(): string {
    return `sent ${JSON.stringify(this.#messages.slice(-5))}, printed ${JSON.stringify(this.#output.slice(-2_000))}`;
  }
}

/** Nobody may be left to hear that it was aborted. */
function quiet<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined);
  return promise;
}
