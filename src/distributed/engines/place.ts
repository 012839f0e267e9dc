import { exists, spaceOfPids, statusOf } from '../../shared/other-processes.js';

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
  const machine = spaceOfPids();
  const start = machine === undefined ? undefined : (await statusOf(process.pid))?.started;
  if (machine === undefined || start === undefined) return { id: '', isDead: async () => false };
  return {
    id: [machine, process.pid, start].join(separator),
    async isDead(id) {
      const [boot, namespace, pid, began] = id.split(separator);
      if (began === undefined || [boot, namespace].join(separator) !== machine) return false;
      if (!exists(Number(pid))) return true;
      const found = await statusOf(Number(pid));
      // It may be hidden from this user.
      return found !== undefined && (found.isOver || found.started !== began);
    },
  };
}
