import type { ProcessRecord } from '../index.js';

/** Maximum number of names. If more processes are running, or never end, the oldest names are forgotten. */
const limit = 10_000;

/** Names of the running processes by id, because task records contain only the id. */
export class ProcessNames {
  /** Several processes may have the same id. */
  readonly #running = new Map<string, { name: string; count: number }>();

  begin({ id, name }: ProcessRecord): void {
    const { count } = this.#running.get(id) ?? { count: 0 };
    this.#running.set(id, { name, count: count + 1 });
    if (this.#running.size <= limit) return;
    const [first = id] = this.#running.keys();
    this.#running.delete(first);
  }

  end({ id }: ProcessRecord): void {
    const running = this.#running.get(id);
    if (running !== undefined && --running.count <= 0) this.#running.delete(id);
  }

  /** Returns the name of a process, or `undefined` if the process began before logging was started. */
  of(id: string): string | undefined {
    return this.#running.get(id)?.name;
  }
}
