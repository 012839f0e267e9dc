import { exists, spaceOfPids, statusOf } from './other-processes.js';

/** A process whose death other processes may be able to detect. */
export interface Place {
  readonly id: string;
  /** Returns true if the process with this id has certainly died. Returns false if that is unknown. */
  isDead(id: string): Promise<boolean>;
}

const separator = '/';

/**
 * Returns the place of this process on its machine: boot id, namespace of process ids, process id, and start time of
 * the process. Processes that share the first two components detect each other's death at once. On systems other than
 * Linux the id is empty, and no process is ever reported as dead.
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
      // A process that exists without a readable status may belong to another user.
      return found !== undefined && (found.isOver || found.started !== began);
    },
  };
}
