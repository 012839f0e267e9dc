import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Program {
  readonly child: ChildProcess;
  /** Resolves with the signal or exit code that ended the process. */
  readonly ended: Promise<string>;
}

/** Starts a source file as a process. */
export function startProgram(file: URL, args: readonly string[]): Program {
  // tsx must run in the root: its tsconfig.json maps 'orchestrator' to the sources.
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const child = fork(fileURLToPath(file), args, { cwd, execArgv: ['--import', 'tsx'] });
  const ended = once(child, 'close').then(([code, signal]) => (signal === null ? `code ${code}` : String(signal)));
  return { child, ended };
}
