/** A first-in-first-out list whose ends cost the same whatever its length. */
export class Fifo<Value> {
  #in: Value[] = [];
  #out: Value[] = [];

  push(value: Value): void {
    this.#in.push(value);
  }

  shift(): Value | undefined {
    if (this.#out.length === 0) {
      this.#out = this.#in.reverse();
      this.#in = [];
    }
    return this.#out.pop();
  }
}
