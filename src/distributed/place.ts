import { readFile, readlink } from 'node:fs/promises';

/** A process, as far as other processes can see whether it has died. */
export interface Place {
  readonly id: string;
  /** If true, the process of a place has certainly died. If false, nobody knows. */
  isDead(id: string): Promise<boolean>;
}

/** Separates the parts of an id. */
const separator = '/';

/**
 * The place of this process on its machine: boot of the machine, namespace of process ids, process id, start of the
 * process. Two processes with the same first two parts see each other's end at once. Elsewhere than on Linux the id is
 * empty, and nobody is known to have died.
 */
export async function thisPlace(): Promise<Place> {
  const machine = await thisMachine();
  const start = machine === undefined ? undefined : await startOf(process.pid);
  if (machine === undefined || start === undefined) return { id: '', isDead: async () => false };
  return {
    id: [machine, process.pid, start].join(separator),
    async isDead(id) {
      const [boot, namespace, pid, began] = id.split(separator);
      if (began === undefined || [boot, namespace].join(separator) !== machine) return false;
      if (!exists(Number(pid))) return true;
      const found = await startOf(Number(pid));
      // It may be hidden from this user.
      return found !== undefined && found !== began;
    },
  };
}

async function thisMachine(): Promise<string | undefined> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return [boot.trim(), await readlink('/proc/self/ns/pid')].join(separator);
  } catch {
    return undefined;
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return Object(error).code === 'EPERM';
  }
}

/** When a process was started, `over` for one that has ended and is not yet buried; `undefined` if that cannot be seen. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    const [state, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? 'over' : fields[18];
  } catch {
    return undefined;
  }
}
