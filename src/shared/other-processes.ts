import { readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** The status of a process, as reported by the system (Linux only). */
export interface ProcessStatus {
  /** Start time of the process. Distinguishes the process from a later process with the same pid. */
  readonly started: string | undefined;
  /** If true, the process has ended but its parent has not collected its exit status yet (a zombie). */
  readonly isOver: boolean;
}

/** Returns true if a process with this pid exists, even if this user has no access to the process. */
export function exists(pid: number): boolean {
  try {
    // Pid 0 would stand for the whole process group of this process.
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return Object(error).code === 'EPERM';
  }
}

/** Returns the status of a process, or `undefined` if the process cannot be seen or the system does not report it. */
export async function statusOf(pid: number): Promise<ProcessStatus | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { started: fields[19], isOver: fields[0] === 'Z' || fields[0] === 'X' };
  } catch {
    return undefined;
  }
}

let space: { readonly id: string | undefined } | undefined;

/**
 * Returns the space in which the pid of this process is unique: the machine since its last boot, and a pid namespace on
 * it. Containers have namespaces of their own, and namespaces of different machines may have the same id. Returns
 * `undefined` if the system does not report them.
 */
export function spaceOfPids(): string | undefined {
  space ??= { id: readSpace() };
  return space.id;
}

function readSpace(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}
