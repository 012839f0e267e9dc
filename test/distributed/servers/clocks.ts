import { execFileSync } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/*
 * Clocks of processes that are off, by `libfaketime`: the operating system lies to the whole program, drivers included.
 * Durations stay right, as they do where an administrator sets a clock.
 */

/** A clock that can be set while a process runs. */
export interface SettableClock {
  /** Variables for the environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets how far the clock is ahead, in milliseconds; negative: behind. The process sees it within a second. */
  set(milliseconds: number): Promise<void>;
}

/**
 * Returns environment variables that give a process a wrong clock.
 *
 * @param milliseconds - the milliseconds by which it is ahead; negative: behind
 */
export function wrongClock(milliseconds: number): Record<string, string> {
  return { ...always(), FAKETIME: shift(milliseconds) };
}

/** Creates a clock that is right until it is set. @param directory - for the file that the process reads */
export async function settableClock(directory: string): Promise<SettableClock> {
  const file = join(directory, `clock-${Math.random().toString(36).slice(2)}`);
  const set = async (milliseconds: number) => {
    // Written in one step, since a process could read half of the file.
    await writeFile(`${file}.new`, `${shift(milliseconds)}\n`);
    await rename(`${file}.new`, file);
  };
  await set(0);
  return { env: { ...always(), FAKETIME_TIMESTAMP_FILE: file, FAKETIME_CACHE_DURATION: '1' }, set };
}

let library: string | undefined;

function always(): Record<string, string> {
  library ??= execFileSync('faketime', ['-m', '-f', '+0', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' }).trim();
  return { LD_PRELOAD: library, FAKETIME_DONT_FAKE_MONOTONIC: '1', FAKETIME_DONT_RESET: '1' };
}

function shift(milliseconds: number): string {
  return `${milliseconds < 0 ? '-' : '+'}${Math.abs(milliseconds) / 1_000}`;
}
