import { Writable } from 'node:stream';
import type { GroupRecord, ProcessRecord, TaskRecord } from 'orchestrator';
import { type Line, paint } from '../../src/progress/layout/line.js';
import { unicode } from '../../src/progress/layout/symbols.js';
import type { Ended } from '../../src/progress/model/counts.js';
import { Model } from '../../src/progress/model/model.js';
import { eventually } from '../distributed/servers/eventually.js';

export const processRecord = (name: string, id = 'p') => ({ id, name }) as ProcessRecord;

export const taskRecord = (name: string, number = 1, attempts = 1) =>
  ({ processId: 'p', name, number, attempts }) as { -readonly [Key in keyof TaskRecord]: TaskRecord[Key] };

export const groupRecord = (fields: Partial<GroupRecord> = {}) =>
  ({ processId: 'p', kind: 'map', name: 'fetchUser', total: 10, settled: 0, failed: 0, ...fields }) as {
    -readonly [Key in keyof GroupRecord]: GroupRecord[Key];
  };

export const completed = (duration = 100, retries = 0): Ended => ({
  status: 'completed',
  duration,
  retries,
  problem: undefined,
});

export const failed = (problem = '503', duration = 100, retries = 0): Ended => ({
  status: 'failed',
  duration,
  retries,
  problem,
});

/** Creates a model with a process that has been running since time 0. */
export function modelWith(name = 'import') {
  const model = new Model(0);
  const process = model.begin('process', processRecord(name), undefined, 0);
  return { model, process };
}

export const moment = (now: number) => ({ now, symbols: unicode });

export function texts(lines: readonly Line[]): string[] {
  return lines.map((line) => paint(line, false));
}

/** A stream that collects its text. */
export class Written extends Writable {
  text = '';

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk;
    done();
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

/**
 * A simulated terminal with the features that progress needs: lines that are written, erased and moved up to. `screen`
 * also contains lines that have scrolled out of sight, so it shows anything that was left behind.
 */
export class Terminal extends Writable {
  readonly isTTY = true;
  columns = 80;
  rows = 24;
  isCursorVisible = true;
  /** If true, a line was longer than the width of the terminal. */
  hasWrapped = false;
  #lines = [''];
  #row = 0;
  #column = 0;

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.print(chunk.toString());
    done();
  }

  hasColors(): boolean {
    return true;
  }

  get screen(): string[] {
    const lines = this.#lines.map((line) => line.trimEnd());
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }

  print(text: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminals are controlled by them
    for (const [token, mode, count, command] of text.matchAll(/\u001b\[(\??)(\d*)([A-Za-z])|[\s\S]/gu)) {
      if (command === undefined) this.#type(token);
      else if (mode === '?') this.#switch(Number(count), command === 'h');
      else this.#obey(command, Number(count || 1));
    }
  }

  resize(columns: number, rows = this.rows): void {
    this.columns = columns;
    this.rows = rows;
    this.emit('resize');
  }

  #type(character: string): void {
    if (character === '\n') {
      this.#row++;
      this.#column = 0;
      this.#lines[this.#row] ??= '';
      return;
    }
    const line = (this.#lines[this.#row] ?? '').padEnd(this.#column);
    this.#lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
    this.#column++;
    if (this.#column > this.columns) this.hasWrapped = true;
  }

  #switch(mode: number, isOn: boolean): void {
    if (mode === 25) this.isCursorVisible = isOn;
  }

  #obey(command: string, count: number): void {
    if (command === 'A') this.#row = Math.max(0, this.#row - count);
    if (command === 'B') this.#row += count;
    if (command === 'G') this.#column = 0;
    if (command === 'K') {
      const line = this.#lines[this.#row] ?? '';
      // Parameter 2 erases the whole line, no parameter erases what is right of the cursor.
      this.#lines[this.#row] = count === 2 ? '' : line.slice(0, this.#column);
    }
  }
}

/** Resolves when the condition holds, even if only for a moment. */
export async function until(holds: () => boolean): Promise<void> {
  await eventually(holds, { timeout: 60_000, interval: 5 });
}
