import type { Status } from './fleet.js';

/** Shows the progress: on a terminal in one line that is updated, otherwise as plain lines, at most one per second. */
export class Live {
  readonly #began = performance.now();
  readonly #isTerminal = process.stdout.isTTY === true;
  #last = -Infinity;

  constructor(
    private readonly orders: number,
    /** Number of requests to the server so far. */
    private readonly requests: () => number,
  ) {}

  show({ runs, workersAlive }: Status): void {
    const now = performance.now();
    if (!this.#isTerminal && now - this.#last < 1_000) return;
    this.#last = now;
    const { completed = 0 } = runs;
    const others = Object.entries(runs).filter(([status]) => status !== 'completed');
    const parts = [
      `${completed} of ${this.orders} runs completed`,
      ...others.map(([status, count]) => `${count} ${status}`),
      `${this.requests()} requests`,
      `workers heard of: ${workersAlive}`,
    ];
    this.#write(parts.join(', '));
  }

  print(text: string): void {
    this.#write(text);
    if (this.#isTerminal) process.stdout.write('\n');
  }

  /** Shows the final state. */
  end(status: Status): void {
    this.#last = -Infinity;
    this.show(status);
    if (this.#isTerminal) process.stdout.write('\n');
  }

  #write(text: string): void {
    const seconds = ((performance.now() - this.#began) / 1_000).toFixed(1).padStart(6);
    const line = `${seconds} s  ${text}`;
    process.stdout.write(this.#isTerminal ? `\r\u001b[2K${line.slice(0, process.stdout.columns - 1)}` : `${line}\n`);
  }
}
