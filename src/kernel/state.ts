import { types } from 'node:util';
import { isPlainObject } from '../shared/validate.js';

/**
 * The state that an orchestrator's runs start from, and what the last one left.
 *
 * Each run gets a copy of its own. Outside of runs state is read from a frozen copy: `assign` is the only way to change
 * what runs start from. With `shared` all of them work on the one object, and nothing is copied.
 */
export class StateStore<State extends object> {
  readonly #initial: State;
  #last: State | undefined = undefined;
  /** What `getState` reads outside of any run, once it has been asked for. */
  #reading: State | undefined = undefined;

  constructor(
    initial: Partial<State>,
    readonly isShared: boolean,
  ) {
    this.#initial = (isShared ? initial : copyOfState(initial)) as State;
  }

  /** What `getState` reads outside of any run. */
  get current(): State {
    if (this.isShared) return this.#initial;
    this.#reading ??= copyOfState(this.#last ?? this.#initial, Object.freeze);
    return this.#reading;
  }

  /** The state for a new run. */
  open(overrides: Partial<State> | undefined): State {
    return this.isShared ? Object.assign(this.#initial, overrides) : this.copy(overrides);
  }

  /** A state of its own for a run, also if others share one: the context of a flow. */
  copy(overrides: Partial<State> | undefined): State {
    const state = copyOfState(this.#initial);
    return overrides === undefined ? state : Object.assign(state, copyOfState(overrides));
  }

  /** Keeps what a finished run left. */
  close(state: State): void {
    this.#last = state;
    this.#reading = undefined;
  }

  /** Sets initial values, which `getState` outside of any run then reads too. */
  assign(values: Partial<State>): void {
    if (this.isShared) {
      Object.assign(this.#initial, values);
      return;
    }
    Object.assign(this.#initial, copyOfState(values));
    // A copy: the run that left it may have stragglers.
    this.close(Object.assign(copyOfState(this.#last ?? this.#initial), copyOfState(values)));
  }
}

/** A copy of a state, which may itself be an instance of a class: its own properties are copied, its methods stay. */
function copyOfState<State extends object>(state: State, finish?: (copy: object) => void): State {
  return complete(state, begun(state) ?? shallow(state), finish) as State;
}

/**
 * A copy as deep as plain objects, arrays, Maps, Sets and Dates go, of whichever realm. Everything else (a client, a
 * socket, a function, an instance of a class) is the same reference in the copy. Circles and shared parts stay what they
 * are.
 */
export function copyOf<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  const copy = begun(value);
  return copy === undefined ? value : (complete(value, copy) as Value);
}

/**
 * Completes the copy of an object, and makes those of all objects below it. One after the other, and not one inside the
 * other: data may be nested deeper than calls.
 *
 * @param finish - called with each copy when all are complete
 */
function complete(root: object, rootCopy: object, finish?: (copy: object) => void): object {
  if (isFlat(rootCopy)) {
    finish?.(rootCopy);
    return rootCopy;
  }
  const copies = new Map([[root, rootCopy]]);
  const copied = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    const known = copies.get(value);
    if (known !== undefined) return known;
    const copy = begun(value);
    if (copy === undefined) return value;
    copies.set(value, copy);
    return copy;
  };
  // Entries that are added while a Map is walked are walked too.
  for (const [source, copy] of copies) deepen(copy, source, copied);
  if (finish !== undefined) for (const copy of copies.values()) finish(copy);
  return rootCopy;
}

/** Whether a copy of an object needs no more: most states hold no object. */
function isFlat(copy: object): boolean {
  if (types.isMap(copy) || types.isSet(copy) || Object.getOwnPropertySymbols(copy).length > 0) return false;
  for (const key of Object.keys(copy)) if (typeof (copy as Record<string, unknown>)[key] === 'object') return false;
  return true;
}

function deepen(copy: object, source: object, copied: (value: unknown) => unknown): void {
  if (types.isMap(copy)) {
    for (const [key, value] of source as Map<unknown, unknown>) copy.set(copied(key), copied(value));
  } else if (types.isSet(copy)) {
    for (const value of source as Set<unknown>) copy.add(copied(value));
  } else {
    const properties = copy as Record<PropertyKey, unknown>;
    for (const key of Reflect.ownKeys(copy)) {
      const value = properties[key];
      if (typeof value === 'object' && value !== null) properties[key] = copied(value);
    }
  }
}

/** What the copy of an object begins as, with the values of the original; nothing for one that is not copied. */
function begun(source: object): object | undefined {
  if (isPlainObject(source)) return shallow(source);
  const prototype = Object.getPrototypeOf(source);
  // Instances of subclasses may be anything: those of an array, Map, Set or Date stand right below the root.
  if (Object.getPrototypeOf(Object.getPrototypeOf(prototype)) !== null) return undefined;
  if (Array.isArray(source)) return like(prototype, Object.assign(new Array(source.length), source));
  if (types.isDate(source)) return like(prototype, new Date(source.getTime()));
  if (types.isMap(source)) return like(prototype, new Map());
  if (types.isSet(source)) return like(prototype, new Set());
  return undefined;
}

/** Spread, not assigned: an own key named `__proto__` stays a key, and setters are not called. */
function shallow(source: object): object {
  return like(Object.getPrototypeOf(source), { ...source });
}

/** In another realm (a `vm` context, a test runner) `instanceof` knows the classes of that realm alone. */
function like<Copy extends object>(prototype: unknown, copy: Copy): Copy {
  if (Object.getPrototypeOf(copy) !== prototype) Object.setPrototypeOf(copy, prototype as object | null);
  return copy;
}
