import { JournalError } from '../../errors.js';

/** Advice for error codes of the system. */
const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: make room, and start the run again',
  EDQUOT: 'the quota of the disk is used up: make room, and start the run again',
  EROFS: 'the file system is read-only: make it writable, or use another directory',
  EACCES: 'the program may not use the file: give it the right to read and write the directory',
  EPERM: 'the program may not use the file: give it the right to read and write the directory',
  EMFILE: 'the program has too many open files: raise the limit (ulimit -n), or execute fewer runs at once',
  ENFILE: 'the machine has too many open files: close some, or raise the limit of the system',
  EIO: 'the disk reports an error: check the disk, and start the run again',
  ENOTDIR: 'a part of the path is a file: use another directory',
};
const otherwise = 'solve the problem, and start the run again';

type Doing = 'read' | 'recorded' | 'deleted' | 'listed';

/** Wraps an error of the file system. Errors of journals are returned unchanged. */
export function problem(id: string | undefined, path: string, doing: Doing, error: unknown): unknown {
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code !== 'string' || error instanceof JournalError) return error;
  const what = advice[code] ?? `${String(message)}: ${otherwise}`;
  return new JournalError(id, `could not be ${doing} in "${path}", because ${what} (${code})`, { cause: error });
}

/** Returns a function that wraps an error as `problem` does, and throws it. */
export function throwProblem(...[id, path, doing]: [id: string | undefined, path: string, doing: Doing]) {
  return (error: unknown): never => {
    throw problem(id, path, doing, error);
  };
}
