import { randomFrom } from '../../src/distributed/testing/trouble-plan.js';

/** Decisions that follow from a seed. */
export class Dice {
  readonly #random: () => number;

  constructor(...seeds: readonly (number | string)[]) {
    this.#random = randomFrom(hash(seeds.join(' ')));
  }

  /** A whole number from `least` to `most`. */
  within(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  happens(share: number): boolean {
    return this.#random() < share;
  }

  one<Value>(values: readonly Value[]): Value {
    return values[this.within(0, values.length - 1)] as Value;
  }

  /** One of some names, each as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const entries = Object.entries(weights) as [Name, number][];
    let left = this.#random() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    return (entries.at(-1) as [Name, number])[0];
  }
}

function hash(text: string): number {
  let value = 2_166_136_261;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 16_777_619);
  return value >>> 0;
}
