import type { ICoordinationStore } from '../contracts.js';
import { CoordinationError } from '../errors.js';

/**
 * The keys of one run in a coordination store: escaped, with one time to live, and with one error for all that the store
 * may do wrong.
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

  /** `<prefix>:<kind>:<run>:<subject>…:<turn>`. The turn is left out outside of loops. */
  key(kind: string, turn: string, ...subjects: readonly string[]): string {
    let key = `${this.prefix}:${kind}:${this.#run}`;
    for (const subject of subjects) key += `:${partOf(subject)}`;
    return turn === '' ? key : `${key}:${turn}`;
  }

  /** Sets a key that is not there yet. Gives whether it did. */
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

  /** Lets a key that is there live its whole time from now on. */
  async extend(key: string): Promise<void> {
    try {
      await this.store.extendTTL(key, this.ttlSeconds);
    } catch (error) {
      throw this.#failure('extendTTL', error);
    }
  }

  /** Sets a key, or finds that it was set to the same before: the same answer to whoever asks again. */
  async holds(key: string, value: string): Promise<boolean> {
    return (await this.set(key, value)) || (await this.get(key)) === value;
  }

  /**
   * How far something has counted. Each step is a key of its own, so none is counted twice; the counter only says where to
   * look, and may lag behind for each caller that has died between the two.
   */
  async latest(counter: string, step: (number: number) => string): Promise<number> {
    let number = Number((await this.get(counter)) ?? 0);
    while ((await this.get(step(number + 1))) !== undefined) number += 1;
    return number;
  }

  /** Counts a step, unless that was counted before. Gives whether it did. */
  async count(counter: string, step: string, value: string): Promise<boolean> {
    const isFirst = await this.set(step, value);
    if (isFirst) await this.increment(counter);
    return isFirst;
  }

  #failure(operation: string, cause: unknown): CoordinationError {
    return new CoordinationError(this.runId, operation, { cause });
  }
}

/** A part of a key: what separates the parts is escaped, for ids may have any characters. */
function partOf(text: string): string {
  return /[%:]/.test(text) ? text.replace(/%/g, '%25').replace(/:/g, '%3A') : text;
}
