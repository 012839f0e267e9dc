import type { Call } from './call.js';
import { textOfValue, writeValue } from './values.js';

/**
 * The state of a process as one task sees it. Notes the keys that the task and its hooks change, so that only these are
 * recorded with the task: what the code of the run itself and begin hooks of the process set is set again in each life.
 */
export class TaskState implements ProxyHandler<Record<string, unknown>> {
  #context: object | undefined;
  #written: Set<string> | undefined;
  /** Objects that the task has read and may have changed, as text. */
  #read: Map<string, string> | undefined;

  constructor(
    private readonly state: object,
    /** The call of the task. */
    readonly call: Call,
  ) {}

  /** The state, to be used by the task in place of the original. */
  get context(): object {
    this.#context ??= new Proxy(this.state as Record<string, unknown>, this);
    return this.#context;
  }

  get(target: object, key: PropertyKey): unknown {
    const value = Reflect.get(target, key);
    if (typeof value === 'object' && value !== null && typeof key === 'string') this.#noteRead(key, value);
    return value;
  }

  set(target: object, key: PropertyKey, value: unknown): boolean {
    this.#noteWritten(key);
    return Reflect.set(target, key, value);
  }

  deleteProperty(target: object, key: PropertyKey): boolean {
    this.#noteWritten(key);
    return Reflect.deleteProperty(target, key);
  }

  defineProperty(target: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    this.#noteWritten(key);
    return Reflect.defineProperty(target, key, descriptor);
  }

  /**
   * Returns the changed keys as the field of a record, with a comma in front. Empty if nothing has changed.
   *
   * @throws {SerializationError} if a value that the task has set cannot be saved
   */
  changes(): string {
    const written = this.#written ?? none;
    if (written.size === 0 && this.#read === undefined) return '';
    const changed: string[] = [];
    for (const key of written) changed.push(`${JSON.stringify(key)}:${this.#valueOf(key)}`);
    for (const [key, before] of this.#read ?? []) {
      if (written.has(key)) continue;
      const now = this.#valueOf(key);
      if (now !== before) changed.push(`${JSON.stringify(key)}:${now}`);
    }
    return changed.length === 0 ? '' : `,"c":{${changed.join()}}`;
  }

  #noteWritten(key: PropertyKey): void {
    if (typeof key !== 'string') return;
    this.#written ??= new Set();
    this.#written.add(key);
  }

  #noteRead(key: string, value: object): void {
    if (this.#read?.has(key) || this.#written?.has(key)) return;
    try {
      const text = textOfValue(value, key);
      this.#read ??= new Map();
      this.#read.set(key, text);
    } catch {
      // A value that cannot be saved, such as a client, does not belong to the record.
    }
  }

  #valueOf(key: string): string {
    if (!Object.hasOwn(this.state, key)) return 'null';
    return `{${writeValue((this.state as Record<string, unknown>)[key], `state.${key}`).slice(1)}}`;
  }
}

const none: ReadonlySet<string> = new Set();
