import { types } from 'node:util';
import { isPlainObject } from '../../shared/validate.js';

/**
 * The initial state of an orchestrator's runs, and the final state of the last run.
 *
 * Each run works on a copy of its own. Outside a run, the state is read from a frozen copy, so `assign` is the only way
 * to change the initial state. With `isShared`, all runs work on one object, and nothing is copied.
 */
export class StateStore<State extends object> {
  readonly #initial: State;
  #last: State | undefined = undefined;
  /** Cached result of `current`. */
  #reading: State | undefined = undefined;

  constructor(
    initial: Partial<State>,
    readonly isShared: boolean,
  ) {
    this.#initial = (isShared ? initial : copyOfState(initial)) as State;
  }

  /** The state that `getState` returns outside a run. */
  get current(): State {
    if (this.isShared) return this.#initial;
    this.#reading ??= copyOfState(this.#last ?? this.#initial, Object.freeze);
    return this.#reading;
  }

  /** Returns the state for a new run. */
  open(overrides: Partial<State> | undefined): State {
    return this.isShared ? Object.assign(this.#initial, overrides) : this.copy(overrides);
  }

  /** Creates a separate state for the context of a flow, even if runs share one state. */
  copy(overrides: Partial<State> | undefined): State {
    const state = copyOfState(this.#initial);
    return overrides === undefined ? state : Object.assign(state, copyOfState(overrides));
  }

  /** Keeps the final state of a finished run. */
  close(state: State): void {
    this.#last = state;
    this.#reading = undefined;
  }

  /** Sets initial values. From now on, `getState` outside a run also returns these values. */
  assign(values: Partial<State>): void {
    if (this.isShared) {
      Object.assign(this.#initial, values);
      return;
    }
    Object.assign(this.#initial, copyOfState(values));
    // The last state is copied because stragglers of its run may still change it.
    this.close(Object.assign(copyOfState(this.#last ?? this.#initial), copyOfState(values)));
  }
}

/** Copies a state. For an instance of a class, the copy has the same methods and copies of the own properties. */
function copyOfState<State extends object>(state: State, finish?: (copy: object) => void): State {
  return complete(state, begun(state) ?? shallow(state), finish) as State;
}

/**
 * Makes a deep copy of plain objects, arrays, Maps, Sets and Dates, of any realm. Everything else (a client, a socket,
 * a function, an instance of a class) stays the same reference. Cycles and shared references are preserved.
 */
export function copyOf<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  const copy = begun(value);
  return copy === undefined ? value : (complete(value, copy) as Value);
}

/**
 * Completes the copy of an object and copies all objects nested in it. Works iteratively, because data may be nested
 * deeper than the call stack allows.
 *
 * @param finish - called with each copy after all copies are complete
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
  // Iteration over a Map includes entries that are added during the iteration.
  for (const [source, copy] of copies) deepen(copy, source, copied);
  if (finish !== undefined) for (const copy of copies.values()) finish(copy);
  return rootCopy;
}

/** Returns true if the copy contains no objects and is therefore already complete. Most states are flat. */
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

/**
 * Begins the copy of an object, with the original's own values. Returns `undefined` if objects of this kind are not
 * copied.
 */
function begun(source: object): object | undefined {
  if (isPlainObject(source)) return shallow(source);
  const prototype = Object.getPrototypeOf(source);
  // Instances of subclasses are not copied, because they may be anything. The prototype of an array, Map, Set or Date
  // inherits directly from the root prototype.
  if (Object.getPrototypeOf(Object.getPrototypeOf(prototype)) !== null) return undefined;
  if (Array.isArray(source)) return like(prototype, Object.assign(new Array(source.length), source));
  if (types.isDate(source)) return like(prototype, new Date(source.getTime()));
  if (types.isMap(source)) return like(prototype, new Map());
  if (types.isSet(source)) return like(prototype, new Set());
  return undefined;
}

/**
 * Copies by spreading instead of assigning, so that an own key named `__proto__` stays a key and setters are not
 * called.
 */
function shallow(source: object): object {
  return like(Object.getPrototypeOf(source), { ...source });
}

/**
 * Gives a copy the prototype of its original, because in another realm (a `vm` context, a test runner), `instanceof`
 * knows only the classes of that realm.
 */
function like<Copy extends object>(prototype: unknown, copy: Copy): Copy {
  if (Object.getPrototypeOf(copy) !== prototype) Object.setPrototypeOf(copy, prototype as object | null);
  return copy;
}
