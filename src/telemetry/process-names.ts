import type { ProcessRecord } from '../index.js';

/** How many names are kept. Where more processes are under way, or have never ended, those that began first are forgotten. */
const limit = 10_000;

/** Names of the processes under way: records of tasks have only the ids. */
export class ProcessNames {
  /** Several processes may have been given the same id. */
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

  /** `undefined` for one that began before anybody listened. */
  of(id: string): string | undefined {
    return this.#running.get(id)?.name;
  }
}
