import { readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** What the system tells of a process (Linux). */
export interface ProcessStatus {
  /** When it was started: another process may get the same number later. */
  readonly started: string | undefined;
  /** If true, it has ended and is not yet buried. */
  readonly isOver: boolean;
}

/** If true, there is a process with this number, seen or hidden from this user. */
export function exists(pid: number): boolean {
  try {
    // 0 would be this process's whole group.
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return Object(error).code === 'EPERM';
  }
}

/** The status of a process; `undefined` where it cannot be seen, or the system does not tell. */
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
 * The space that the number of this process is of: the machine since its last start, and a namespace on it. Containers have
 * namespaces of their own, and namespaces of different machines may have the same id. `undefined` where the system does not
 * tell.
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
