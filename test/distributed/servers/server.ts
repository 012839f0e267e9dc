import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';
import { guardProcess, removeDirectory } from './reaper.js';
import { track } from './track.js';

export interface ServerProgram {
  readonly command: string;
  readonly args: (port: number) => readonly string[];
  /** The working directory with the files of the server. Kept during a restart, removed when the server is stopped. */
  readonly directory: string;
  /**
   * The output by which the server reports that it accepts connections. A connection proves nothing, since another
   * server may use the port.
   */
  readonly ready: RegExp;
  /** The signal for an orderly end. */
  readonly endSignal: NodeJS.Signals;
  /** The user that runs the server. Default: the user of the tests. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** Starts a server on a port of its own. */
export async function launch(program: ServerProgram): Promise<Server> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return new Server(program, port, await run(program, port));
    } catch (error) {
      if (!/address already in use/i.test(String(error)) || attempt === 10) {
        await removeDirectory(program.directory);
        throw error;
      }
    }
  }
}

export class Server {
  readonly port: number;
  /** Stops the server for good and removes its files. Also happens at the end of the test file. */
  readonly stop: () => Promise<void>;
  readonly #program: ServerProgram;
  #process: ChildProcess;

  constructor(program: ServerProgram, port: number, process: ChildProcess) {
    this.port = port;
    this.#program = program;
    this.#process = process;
    this.stop = track(async () => {
      await this.#end(program.endSignal);
      await removeDirectory(program.directory);
    });
  }

  get pid(): number {
    return Number(this.#process.pid);
  }

  /** Kills the server without a chance to finish anything. `restart` starts it again. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /**
   * Restarts the server on the same port with the same files, after an orderly end or a kill. Retries, since the port,
   * or the shared memory of a killed Postgres, may be in use for a moment.
   */
  async restart(how: 'orderly' | 'crash' = 'orderly'): Promise<void> {
    await this.#end(how === 'crash' ? 'SIGKILL' : this.#program.endSignal);
    this.#process = await eventually(() => run(this.#program, this.port), { timeout: 120_000, interval: 100 });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const process = this.#process;
    if (hasEnded(process)) return;
    const ended = once(process, 'exit');
    process.kill(signal);
    const impatience = setTimeout(() => process.kill('SIGKILL'), 60_000);
    await ended;
    clearTimeout(impatience);
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Runs the program once, and waits until it is ready. */
function run({ command, args, directory, ready, user }: ServerProgram, port: number): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args(port), { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], ...user });
    guardProcess(child);
    let printed = '';
    const read = (chunk: Buffer) => {
      printed = (printed + chunk).slice(-4_000);
      if (ready.test(printed)) resolve(child);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('close', () => reject(new Error(`${command} ended before it was ready:\n${printed}`)));
  });
}
