import type { Progress } from './scenario.js';

/** Shows the progress: on a terminal in one line that is updated, otherwise as plain lines, at most one per second. */
export class Live {
  readonly #began = performance.now();
  readonly #isTerminal = process.stdout.isTTY === true;
  #last = -Infinity;
  #before = { at: performance.now(), read: 0, arrived: 0 };

  constructor(
    /** Number of lines that have arrived so far. */
    private readonly arrived: () => number,
  ) {}

  show({ read, metrics }: Progress): void {
    const now = performance.now();
    if (!this.#isTerminal && now - this.#last < 1_000) return;
    this.#last = now;
    const arrived = this.arrived();
    const elapsed = (now - this.#before.at) / 1_000;
    const rate = (count: number) => `${grouped(Math.round(count / elapsed))}/s`;
    const parts = [
      `read ${grouped(read)} (${rate(read - this.#before.read)})`,
      ...metrics.queues.map(({ queue, depth, unacknowledged, capacity, blocked }) => {
        return `${queue} ${bar((depth + unacknowledged) / capacity)}${blocked > 0 ? ' full' : ''}`;
      }),
      `arrived ${grouped(arrived)} (${rate(arrived - this.#before.arrived)})`,
    ];
    this.#before = { at: now, read, arrived };
    this.#write(parts.join('  '));
  }

  print(text: string): void {
    this.#write(text);
    if (this.#isTerminal) process.stdout.write('\n');
  }

  /** Shows the final state. */
  end(progress: Progress): void {
    this.#last = -Infinity;
    this.show(progress);
    if (this.#isTerminal) process.stdout.write('\n');
  }

  #write(text: string): void {
    const seconds = ((performance.now() - this.#began) / 1_000).toFixed(1).padStart(6);
    const line = `${seconds} s  ${text}`;
    process.stdout.write(this.#isTerminal ? `\r\u001b[2K${line.slice(0, process.stdout.columns - 1)}` : `${line}\n`);
  }
}

/** A bar that shows how full something is. */
function bar(share: number): string {
  const full = Math.min(6, Math.ceil(share * 6));
  return `${'█'.repeat(full)}${'░'.repeat(6 - full)}`;
}

function grouped(number: number): string {
  return number.toLocaleString('en');
}
