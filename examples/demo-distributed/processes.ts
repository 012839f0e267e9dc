import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Program {
  readonly child: ChildProcess;
  /** How it has ended: by a signal, or with a code. */
  readonly ended: Promise<string>;
}

/** Starts a file, from source. */
export function startProgram(file: URL, args: readonly string[]): Program {
  // From the root: that is where tsx finds tsconfig.json, which says what 'orchestrator' is here.
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const child = fork(fileURLToPath(file), args, { cwd, execArgv: ['--import', 'tsx'] });
  const ended = once(child, 'close').then(([code, signal]) => (signal === null ? `code ${code}` : String(signal)));
  return { child, ended };
}
