/** A list that grows and shrinks at both ends in constant time. */
export class Deque<Item> {
  #items: (Item | undefined)[] = new Array(16);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Item | undefined {
    return this.#size === 0 ? undefined : this.#items[this.#head];
  }

  push(item: Item): void {
    if (this.#size === this.#items.length) this.#resize(2 * this.#size);
    this.#items[(this.#head + this.#size++) & (this.#items.length - 1)] = item;
  }

  unshift(item: Item): void {
    if (this.#size === this.#items.length) this.#resize(2 * this.#size);
    this.#head = (this.#head - 1) & (this.#items.length - 1);
    this.#items[this.#head] = item;
    this.#size++;
  }

  shift(): Item | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#size--;
    if (this.#size * 4 < this.#items.length && this.#items.length > 1_024) this.#resize(this.#items.length / 2);
    return item;
  }

  *[Symbol.iterator](): Iterator<Item> {
    for (let index = 0; index < this.#size; index++) {
      yield this.#items[(this.#head + index) & (this.#items.length - 1)] as Item;
    }
  }

  #resize(length: number): void {
    const items: (Item | undefined)[] = new Array(length);
    let at = 0;
    for (const item of this) items[at++] = item;
    this.#items = items;
    this.#head = 0;
  }
}
