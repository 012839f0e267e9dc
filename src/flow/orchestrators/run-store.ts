import type { ICoordinationStore } from '../contracts.js';
import { CoordinationError } from '../errors.js';

/** A number that only grows, with what was set down at each step. */
export interface Numbered {
  /** 0 for none yet. */
  readonly number: number;
  readonly value: string | undefined;
}

/**
 * The keys of one run in a coordination store: escaped, with one time to live, and with one error for all that the store
 * may do wrong.
 */
export class RunStore {
  constructor(
    private readonly store: ICoordinationStore,
    private readonly prefix: string,
    readonly runId: string,
    private readonly ttlSeconds: number,
  ) {}

  /** `<prefix>:<kind>:<run>:<subject>…:<turn>`. The turn is left out outside of loops. */
  key(kind: string, turn: string, ...subjects: readonly string[]): string {
    const parts = turn === '' ? subjects : [...subjects, turn];
    return `${this.prefix}:${[kind, this.runId, ...parts].map(partOf).join(':')}`;
  }

  /** Sets a key that is not there yet. Gives whether it did. */
  async set(key: string, value: string): Promise<boolean> {
    return (await this.#ask('setIfNotExist', () => this.store.setIfNotExist(key, value, this.ttlSeconds))) === true;
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.#ask('get', () => this.store.get(key))) ?? undefined;
  }

  async increment(key: string): Promise<number> {
    return Number(await this.#ask('increment', () => this.store.increment(key, this.ttlSeconds)));
  }

  /** Lets a key that is there live its whole time from now on. */
  async extend(key: string): Promise<void> {
    await this.#ask('extendTTL', () => this.store.extendTTL(key, this.ttlSeconds));
  }

  /** Sets a key, or finds that it was set to the same before: the same answer to whoever asks again. */
  async holds(key: string, value: string): Promise<boolean> {
    return (await this.set(key, value)) || (await this.get(key)) === value;
  }

  /**
   * How far something has counted. Each step is a key of its own, so none is counted twice; the counter only says where to
   * look, and may lag behind for each caller that has died between the two.
   */
  async latest(counter: string, step: (number: number) => string): Promise<Numbered> {
    let number = Number((await this.get(counter)) ?? 0);
    let value: string | undefined;
    for (;;) {
      const next = await this.get(step(number + 1));
      if (next === undefined) break;
      value = next;
      number += 1;
    }
    if (value === undefined && number > 0) value = await this.get(step(number));
    return { number, value };
  }

  /** Counts a step, unless that was counted before. Gives whether it did. */
  async count(counter: string, step: string, value: string): Promise<boolean> {
    const isFirst = await this.set(step, value);
    if (isFirst) await this.increment(counter);
    return isFirst;
  }

  async #ask<Answer>(operation: string, call: () => Promise<Answer>): Promise<Answer> {
    try {
      return await call();
    } catch (error) {
      throw new CoordinationError(this.runId, operation, { cause: error });
    }
  }
}

/** A part of a key: what separates the parts is escaped, for ids may have any characters. */
function partOf(text: string): string {
  return /[%:]/.test(text) ? text.replace(/%/g, '%25').replace(/:/g, '%3A') : text;
}
