import { inspect } from 'node:util';
import type { Codec } from '../../shared/codec.js';
import { SerializationError } from '../../shared/serialization-error.js';
import type { Changes, Kept, Source } from './changes.js';
import { fieldOf, setOwn } from './keys.js';
import { type Merges, mergeChange } from './merge.js';

/** A value that was read from the source. */
interface Found {
  readonly kept: Kept;
  readonly value: unknown;
}

type Data = Record<string, unknown>;

/**
 * The context as it appears to one execution of a node: the committed data, plus the changes of this execution. Other
 * executions see the changes only after they are committed. A key is decoded when it is first read, so the cost of an
 * execution depends on the keys that it uses, not on the size of the context.
 *
 * A view may be layered on another view. The lower view then takes over either all changes of the upper view or none.
 */
export class ContextView implements ProxyHandler<Data>, Source {
  /** The object that nodes work with. It can be read, written, listed, spread and copied like any other object. */
  readonly context: Data;
  readonly #own: Data;
  readonly #found = new Map<string, Found | undefined>();
  readonly #prototype: object;

  /**
   * @param prototype - the prototype of the context object, for a state that is an instance of a class. Default:
   *   `Object.prototype`
   */
  constructor(
    private source: Source,
    private readonly codec: Codec,
    prototype: object = Object.prototype,
  ) {
    this.#prototype = prototype;
    this.#own = Object.create(printed(prototype));
    this.context = new Proxy(this.#own, this);
  }

  get(own: Data, key: string | symbol, receiver: unknown): unknown {
    return Reflect.get(this.#load(own, key), key, receiver);
  }

  has(own: Data, key: string | symbol): boolean {
    if (typeof key !== 'string' || this.#found.has(key)) return Reflect.has(own, key);
    return this.source.find(key) !== undefined || Reflect.has(own, key);
  }

  /**
   * Passes a receiver to `Reflect.set` only if the class of the state may have a setter for the key, because a receiver
   * makes `Reflect.set` go through the other traps of the proxy as well.
   */
  set(own: Data, key: string | symbol, value: unknown): boolean {
    this.#load(own, key);
    if (key === '__proto__') return setOwn(own, key, value);
    return this.#prototype === Object.prototype || Object.hasOwn(own, key)
      ? Reflect.set(own, key, value)
      : Reflect.set(own, key, value, this.context);
  }

  deleteProperty(own: Data, key: string | symbol): boolean {
    return Reflect.deleteProperty(this.#load(own, key), key);
  }

  defineProperty(own: Data, key: string | symbol, descriptor: PropertyDescriptor): boolean {
    return Reflect.defineProperty(this.#load(own, key), key, descriptor);
  }

  getOwnPropertyDescriptor(own: Data, key: string | symbol): PropertyDescriptor | undefined {
    return Reflect.getOwnPropertyDescriptor(this.#load(own, key), key);
  }

  /** Lists the committed keys in their order, followed by the added keys. */
  ownKeys(own: Data): (string | symbol)[] {
    for (const key of [...this.source.keys()]) this.#load(own, key);
    return [...new Set([...this.keys(), ...Reflect.ownKeys(own)])];
  }

  /** Hides the prototype that is used for printing. */
  getPrototypeOf(): object {
    return this.#prototype;
  }

  setPrototypeOf(): boolean {
    return false;
  }

  /** Returns false, because other executions may still add keys. */
  preventExtensions(): boolean {
    return false;
  }

  find(key: string): Kept | undefined {
    const found = this.#found.get(key);
    if (found === undefined && !this.#found.has(key)) return this.source.find(key);
    if (!Object.hasOwn(this.#own, key)) return undefined;
    const text = this.#encode(key);
    return found?.kept.text === text ? found.kept : { text, read: () => this.codec.decode(text, () => fieldOf(key)) };
  }

  *keys(): Generator<string> {
    for (const key of this.source.keys()) if (!this.#found.has(key) || Object.hasOwn(this.#own, key)) yield key;
    for (const key of Object.getOwnPropertyNames(this.#own)) if (this.source.find(key) === undefined) yield key;
  }

  /** Moves the view to another source and drops all changes made in it. */
  moveTo(source: Source): void {
    this.close();
    this.source = source;
    this.#found.clear();
    for (const key of Reflect.ownKeys(this.#own)) Reflect.deleteProperty(this.#own, key);
  }

  /** Ends the view. The source no longer needs to keep old values for it. */
  close(): void {
    this.source.close?.();
  }

  /** Sets a key without reading it first. `undefined` removes the key. */
  put(key: string, value: unknown): void {
    if (!this.#found.has(key)) this.#found.set(key, undefined);
    if (value === undefined) Reflect.deleteProperty(this.#own, key);
    else setOwn(this.#own, key, value);
  }

  /** Returns the value of a key without marking the key as read by this view. */
  peek(key: string): unknown {
    return this.#found.has(key) ? this.#own[key] : this.source.find(key)?.read();
  }

  /**
   * Marks the given changes as part of a commit: from now on, further changes are compared with them. Keys that were
   * only read are read again when they are next used.
   *
   * @returns the keys that were changed
   */
  take({ set = {}, removed = [] }: Changes): readonly string[] {
    const taken = [...Object.keys(set), ...removed];
    for (const key of [...this.#found.keys()]) if (!taken.includes(key)) this.#forget(key);
    for (const key of Object.keys(set)) {
      const text = set[key] as string;
      this.#found.set(key, {
        kept: { text, read: () => this.codec.decode(text, () => fieldOf(key)) },
        value: this.#own[key],
      });
    }
    for (const key of removed) this.#found.set(key, undefined);
    return taken;
  }

  /** Causes a committed key to be read again when it is next used, unless it was changed here in the meantime. */
  refresh(key: string): void {
    if (!this.#found.has(key)) return;
    const isGone = !Object.hasOwn(this.#own, key);
    try {
      if (isGone ? this.#found.get(key) === undefined : this.#changed(key, this.#found.get(key)) === undefined)
        this.#forget(key);
    } catch {
      // The key cannot be saved, so it has changed. The next save reports the problem.
    }
  }

  /** Turns a taken key into a change again after its commit has failed. */
  rebase(key: string): void {
    const kept = this.source.find(key);
    this.#found.set(key, kept && { kept, value: kept.read() });
  }

  /** Drops the changes that cannot be saved. */
  forgetUnsavable(): void {
    for (const symbol of Object.getOwnPropertySymbols(this.#own)) Reflect.deleteProperty(this.#own, symbol);
    for (const key of [...this.#found.keys()]) {
      try {
        if (Object.hasOwn(this.#own, key)) this.#changed(key, undefined);
      } catch {
        this.#forget(key);
      }
    }
  }

  /** Creates a view that is layered on this view. */
  layer(): ContextView {
    return new ContextView(this, this.codec, this.#prototype);
  }

  /** Takes over the changes of a view that is layered on this view. This view must not have changed in the meantime. */
  absorb(layer: ContextView): void {
    for (const [key, found] of layer.#found) {
      if (!this.#found.has(key)) this.#found.set(key, found);
      const descriptor = Reflect.getOwnPropertyDescriptor(layer.#own, key);
      if (descriptor === undefined) Reflect.deleteProperty(this.#own, key);
      else Reflect.defineProperty(this.#own, key, descriptor);
    }
    for (const key of Object.getOwnPropertySymbols(layer.#own)) this.#own[key as never] = layer.#own[key as never];
  }

  /**
   * Takes over the changes of one of several views that are layered on this view. The changes are merged with those
   * already taken over from the other views.
   */
  merge({ set = {}, removed = [], base = {} }: Changes, merges: Merges): void {
    for (const key of Object.keys(set)) {
      const merged = mergeChange(key, this.find(key)?.text, { set, base }, merges, this.codec);
      setOwn(this.#load(this.#own, key), key, this.codec.decode(merged));
    }
    for (const key of removed) Reflect.deleteProperty(this.#load(this.#own, key), key);
  }

  /**
   * Returns the changes made in the view since it was opened, or since its changes were last taken.
   *
   * @param except - a key to leave out. Default: none
   * @throws {SerializationError} if a value cannot be saved
   */
  changes(except?: string): Changes {
    const [symbol] = Object.getOwnPropertySymbols(this.#own);
    if (symbol !== undefined) throw unsavable(`context[${String(symbol)}]`, 'a key must be a string');
    const set: Record<string, string> = {};
    const base: Record<string, string> = {};
    const removed: string[] = [];
    for (const [key, found] of this.#found) {
      if (key === except) continue;
      if (!Object.hasOwn(this.#own, key)) {
        if (found !== undefined) removed.push(key);
        continue;
      }
      const text = this.#changed(key, found);
      if (text === undefined) continue;
      setOwn(set, key, text);
      if (found !== undefined) setOwn(base, key, found.kept.text);
    }
    return {
      ...(Object.keys(set).length > 0 ? { set } : {}),
      ...(Object.keys(base).length > 0 ? { base } : {}),
      ...(removed.length > 0 ? { removed } : {}),
    };
  }

  /**
   * Returns the new text of a key, or `undefined` if the key is unchanged. Primitives are compared without encoding
   * them.
   */
  #changed(key: string, found: Found | undefined): string | undefined {
    if (key === '__proto__') throw unsavable('context.__proto__', 'the name is reserved, use another key');
    const descriptor = Reflect.getOwnPropertyDescriptor(this.#own, key);
    const value = descriptor?.value;
    if (
      found !== undefined &&
      'value' in Object(descriptor) &&
      Object(value) !== value &&
      Object.is(value, found.value)
    )
      return undefined;
    const text = this.#encode(key);
    return text === found?.kept.text ? undefined : text;
  }

  /**
   * Encodes the value of a key.
   *
   * @throws {SerializationError} if the value cannot be saved; the error names the key
   */
  #encode(key: string): string {
    let value: unknown;
    try {
      value = this.#own[key];
    } catch (cause) {
      throw unsavable(fieldOf(key), 'it threw an error when it was read', cause);
    }
    return this.codec.encode(value, () => fieldOf(key));
  }

  #forget(key: string): void {
    this.#found.delete(key);
    Reflect.deleteProperty(this.#own, key);
  }

  #load(own: Data, key: string | symbol): Data {
    if (typeof key !== 'string' || this.#found.has(key)) return own;
    const kept = this.source.find(key);
    const found = kept && { kept, value: kept.read() };
    this.#found.set(key, found);
    if (found !== undefined) setOwn(own, key, found.value);
    return own;
  }
}

const printing = new WeakMap<object, object>();

/**
 * Returns a prototype that makes views print as plain objects. `util.inspect` looks up the custom method on the target
 * of a proxy and calls it with the proxy as `this`.
 */
function printed(prototype: object): object {
  const known = printing.get(prototype);
  if (known !== undefined) return known;
  const made = Object.create(prototype, {
    [inspect.custom]: {
      value(this: object) {
        return Object.assign(Object.create(Object.getPrototypeOf(this)), { ...this });
      },
    },
  });
  printing.set(prototype, made);
  return made;
}

function unsavable(path: string, problem: string, cause?: unknown): SerializationError {
  return new SerializationError(path, `cannot be saved: ${problem}`, { cause });
}
