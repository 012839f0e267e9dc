import { inspect } from 'node:util';
import { cut } from '../../text.js';
import type { Codec } from './codec.js';
import type { Changes } from './entry.js';
import type { Values } from './values.js';

/**
 * The context that one execution of a node sees: as of its start, and its own. A key is read from its text when it is
 * first asked for, so that an execution costs what it uses, not what the run knows.
 */
export class ContextView implements ProxyHandler<Record<string, unknown>> {
  /** An object like any other: it can be read, written, listed, spread and copied. */
  readonly context: Record<string, unknown>;
  readonly #own = new Own() as unknown as Record<string, unknown>;
  /** Keys that were read, with their texts, or removed. */
  readonly #known = new Map<string, string | undefined>();

  constructor(
    private values: Values,
    private seq: number,
    private readonly codec: Codec,
  ) {
    values.open(this, seq);
    this.context = new Proxy(this.#own, this);
  }

  get(own: Record<string, unknown>, key: string | symbol): unknown {
    return Reflect.get(this.#load(own, key), key);
  }

  has(own: Record<string, unknown>, key: string | symbol): boolean {
    return Reflect.has(this.#load(own, key), key);
  }

  /** Not by Reflect.set with a receiver: that would define the key on the proxy, a detour through other traps. */
  set(own: Record<string, unknown>, key: string | symbol, value: unknown): boolean {
    return Reflect.set(this.#load(own, key), key, value);
  }

  deleteProperty(own: Record<string, unknown>, key: string | symbol): boolean {
    return Reflect.deleteProperty(this.#load(own, key), key);
  }

  defineProperty(own: Record<string, unknown>, key: string | symbol, descriptor: PropertyDescriptor): boolean {
    return Reflect.defineProperty(this.#load(own, key), key, descriptor);
  }

  getOwnPropertyDescriptor(own: Record<string, unknown>, key: string | symbol): PropertyDescriptor | undefined {
    return Reflect.getOwnPropertyDescriptor(this.#load(own, key), key);
  }

  ownKeys(own: Record<string, unknown>): (string | symbol)[] {
    return Reflect.ownKeys(this.#loadAll(own));
  }

  /** A plain object, whatever stands behind it. */
  getPrototypeOf(): object {
    return Object.prototype;
  }

  /** Sees what is committed up to an entry, and nothing else: what was written here and not committed is forgotten. */
  moveTo(values: Values, seq: number): void {
    this.close();
    this.values = values;
    this.seq = seq;
    values.open(this, seq);
    this.#known.clear();
    for (const key of Object.keys(this.#own)) delete this.#own[key];
  }

  /** Ends the view: what others commit from now on need not be kept apart from it. */
  close(): void {
    this.values.close(this);
  }

  /**
   * What was written since the start, as texts.
   *
   * @param except - keys that are none of its business
   * @param isMerged - keys whose base has to be known
   * @throws {SerializationError} for a value that cannot be saved
   */
  changes(except: (key: string) => boolean, isMerged: (key: string) => boolean): Changes {
    const set: Record<string, string> = {};
    const base: Record<string, string> = {};
    const removed: string[] = [];
    let any = false;
    for (const [key, before] of this.#known) {
      if (except(key)) continue;
      if (!Object.hasOwn(this.#own, key)) {
        if (before !== undefined) removed.push(key);
        continue;
      }
      const text = this.codec.encode(this.#own[key], () => fieldOf(key));
      if (text === before) continue;
      setOwn(set, key, text);
      if (before !== undefined && isMerged(key)) setOwn(base, key, before);
      any = true;
    }
    return {
      ...(any ? { set } : {}),
      ...(Object.keys(base).length > 0 ? { base } : {}),
      ...(removed.length > 0 ? { removed } : {}),
    };
  }

  #load(own: Record<string, unknown>, key: string | symbol): Record<string, unknown> {
    if (typeof key !== 'string' || this.#known.has(key)) return own;
    const text = this.values.at(key, this.seq);
    if (text !== undefined)
      setOwn(
        own,
        key,
        this.codec.decode(text, () => fieldOf(key)),
      );
    this.#known.set(key, text);
    return own;
  }

  #loadAll(own: Record<string, unknown>): Record<string, unknown> {
    for (const key of [...this.values.keysAt(this.seq)]) this.#load(own, key);
    return own;
  }
}

/** How many characters of a key a message names. */
const longestKey = 100;

/** A key of the context, for messages. */
function fieldOf(key: string): string {
  const name = cut(key, longestKey);
  return /[.[\]]/.test(name) ? `context["${name}"]` : `context.${name}`;
}

/** The keys that were read and written. Printing looks for its method at the target of a proxy, and calls it on the proxy. */
class Own {
  [inspect.custom](): object {
    return { ...this };
  }
}
// Keys of a context may be called `constructor`; what is not its own comes from what every object has.
Reflect.deleteProperty(Own.prototype, 'constructor');

/** Sets a key that may be called anything, `__proto__` too. */
function setOwn(object: object, key: string, value: unknown): void {
  if (key in Object.prototype) {
    Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });
  } else (object as Record<string, unknown>)[key] = value;
}
