import { isPlainObject } from './validate.js';

/**
 * The state that an orchestrator's runs start from, and what the last one left.
 *
 * Each run gets a copy of its own; with `shared`, all of them get the one object.
 */
export class StateStore<State extends object> {
  readonly #copy: <Value>(value: Value) => Value;
  readonly #initial: State;
  #last: State | undefined = undefined;

  constructor(initial: Partial<State>, shared: boolean) {
    this.#copy = shared ? (value) => value : copyOf;
    this.#initial = this.#copy(initial) as State;
  }

  /** What `getState` reads outside of any run. */
  get current(): State {
    return this.#last ?? this.#initial;
  }

  /** The state for a new run. */
  open(overrides: Partial<State> | undefined): State {
    return Object.assign(this.#copy(this.#initial), this.#copy(overrides));
  }

  /** Keeps what a finished run left. */
  close(state: State): void {
    this.#last = state;
  }

  /** Sets initial values, which `getState` outside of any run then reads too. */
  assign(values: Partial<State>): void {
    Object.assign(this.#initial, this.#copy(values));
    // A copy: the run that left it may have stragglers.
    this.#last = Object.assign(this.#copy(this.current), this.#copy(values));
  }
}

/**
 * A copy as deep as plain objects, arrays, Maps, Sets and Dates go. Everything else (a client, a socket, a function)
 * is the same reference in the copy. Circles and shared parts stay what they are.
 */
export function copyOf<Value>(value: Value, seen = new Map<unknown, unknown>()): Value {
  if (typeof value !== 'object' || value === null) return value;
  return (seen.get(value) ?? copyObject(value, seen)) as Value;
}

function copyObject(source: object, seen: Map<unknown, unknown>): object {
  const copy = emptyLike(source);
  if (copy === undefined) return source;
  seen.set(source, copy);
  if (copy instanceof Map) {
    for (const [key, value] of source as Map<unknown, unknown>) copy.set(copyOf(key, seen), copyOf(value, seen));
  } else if (copy instanceof Set) {
    for (const value of source as Set<unknown>) copy.add(copyOf(value, seen));
  } else {
    const properties: Record<PropertyKey, unknown> = { ...source };
    for (const key of Reflect.ownKeys(properties)) define(copy, key, copyOf(properties[key], seen));
  }
  return copy;
}

/** What the copy of an object starts as; nothing for one that is not copied. */
function emptyLike(source: object): object | undefined {
  const prototype = Object.getPrototypeOf(source);
  if (prototype === Date.prototype) return new Date(source as Date);
  if (prototype === Array.prototype) return new Array((source as unknown[]).length);
  if (prototype === Map.prototype) return new Map();
  if (prototype === Set.prototype) return new Set();
  return isPlainObject(source) ? Object.create(prototype) : undefined;
}

/** Defined, not assigned: an own key named `__proto__` stays a key. */
function define(copy: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(copy, key, { value, enumerable: true, writable: true, configurable: true });
}
