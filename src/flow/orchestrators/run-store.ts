import type { ICoordinationStore } from '../contracts.js';
import { CoordinationError } from '../errors.js';

/**
 * The keys of one run in a coordination store. Ids in keys are escaped, all keys have the same lifetime, and any
 * failure of the store is reported as a `CoordinationError`.
 */
export class RunStore {
  readonly #run: string;

  constructor(
    private readonly store: ICoordinationStore,
    private readonly prefix: string,
    readonly runId: string,
    private readonly ttlSeconds: number,
  ) {
    this.#run = partOf(runId);
  }

  /** Returns the name of a key: `<prefix>:<kind>:<run>:<subject>…:<turn>`. Outside loops, the turn is left out. */
  key(kind: string, turn: string, ...subjects: readonly string[]): string {
    let key = `${this.prefix}:${kind}:${this.#run}`;
    for (const subject of subjects) key += `:${partOf(subject)}`;
    return turn === '' ? key : `${key}:${turn}`;
  }

  /** Sets a key unless it exists. Returns true if the key was set. */
  async set(key: string, value: string): Promise<boolean> {
    try {
      return (await this.store.setIfNotExist(key, value, this.ttlSeconds)) === true;
    } catch (error) {
      throw this.#failure('setIfNotExist', error);
    }
  }

  async get(key: string): Promise<string | undefined> {
    try {
      return (await this.store.get(key)) ?? undefined;
    } catch (error) {
      throw this.#failure('get', error);
    }
  }

  async increment(key: string): Promise<number> {
    try {
      return Number(await this.store.increment(key, this.ttlSeconds));
    } catch (error) {
      throw this.#failure('increment', error);
    }
  }

  /** Extends an existing key by its full lifetime, counted from now. */
  async extend(key: string): Promise<void> {
    try {
      await this.store.extendTTL(key, this.ttlSeconds);
    } catch (error) {
      throw this.#failure('extendTTL', error);
    }
  }

  /**
   * Sets a key unless it exists. Returns true if the key then has the given value, so repeated calls return the same
   * answer.
   */
  async holds(key: string, value: string): Promise<boolean> {
    return (await this.set(key, value)) || (await this.get(key)) === value;
  }

  /**
   * Returns the number of the last counted step. Each step has its own key, so that no step is counted twice. The
   * counter only shows where to start the search, because it is too low if a caller died between setting the key and
   * incrementing the counter.
   */
  async latest(counter: string, step: (number: number) => string): Promise<number> {
    let number = Number((await this.get(counter)) ?? 0);
    while ((await this.get(step(number + 1))) !== undefined) number += 1;
    return number;
  }

  /** Counts a step, unless it has already been counted. Returns true if this call counted the step. */
  async count(counter: string, step: string, value: string): Promise<boolean> {
    const isFirst = await this.set(step, value);
    if (isFirst) await this.increment(counter);
    return isFirst;
  }

  #failure(operation: string, cause: unknown): CoordinationError {
    return new CoordinationError(this.runId, operation, { cause });
  }
}

/** Escapes the separator of key segments, because ids may contain any character. */
function partOf(text: string): string {
  return /[%:]/.test(text) ? text.replace(/%/g, '%25').replace(/:/g, '%3A') : text;
}
