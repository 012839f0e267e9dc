import type * as Croner from 'croner';
import { ValidationError } from '../../shared/errors.js';
import { loadPeers } from '../../shared/peers.js';
import type { MissedTicks, Schedule } from '../definition.js';

/** Maximum number of missed ticks that `catch-up` makes up for. */
const mostMissed = 100;

/** Tolerance for rounding errors, in milliseconds: a tick that is due at this very moment does not count as missed. */
const precision = 0.001;

/**
 * The ticks of a schedule, in milliseconds. Intervals use the time of a `Clock`; cron expressions use the wall clock.
 *
 * A tick is missed if it becomes due during an iteration. `skip` ignores the missed tick, and `catch-up` starts an
 * iteration for it at once. With `delay` no tick is missed, because the interval starts when an iteration ends.
 */
export interface Ticks {
  /** Number of skipped ticks. */
  readonly missed: number;
  /**
   * Returns the start of the next iteration. A time in the past means that the iteration starts at once. Called once
   * before each iteration.
   */
  next(now: number): number;
  /**
   * Returns the time left until `tick`. The caller asks repeatedly, because clocks can be set and machines can sleep.
   */
  left(tick: number, now: number): number;
  /** Registers the end of an iteration. */
  ended(now: number): void;
}

/**
 * Creates the ticks of a schedule.
 *
 * @throws {MissingPeerError} for a cron expression if `croner` is not installed
 * @throws {ValidationError} for an invalid cron expression or time zone
 */
export async function ticksOf({ every, cron, timezone, missed = 'skip' }: Schedule): Promise<Ticks> {
  if (cron === undefined)
    return missed === 'delay' ? new Pauses(every as number) : new Interval(every as number, missed);
  const { croner } = await loadPeers<{ croner: typeof Croner }>('a cron schedule', ['croner']);
  const { Cron } = croner;
  try {
    const pattern = new Cron(cron, { paused: true, ...(timezone === undefined ? {} : { timezone }) });
    // croner checks the time zone only when the next run is computed.
    pattern.nextRun();
    return new Calendar((after) => pattern.nextRun(after)?.getTime(), missed);
  } catch (cause) {
    throw new ValidationError(`schedule.cron is not understood: ${(cause as Error).message}`, { cause });
  }
}

/** Ticks of `delay`: the interval starts when an iteration ends. */
class Pauses implements Ticks {
  readonly missed = 0;
  #next: number | undefined = undefined;

  constructor(private readonly every: number) {}

  next(now: number): number {
    this.#next ??= now;
    return this.#next;
  }

  left(tick: number, now: number): number {
    return tick - now;
  }

  ended(now: number): void {
    this.#next = now + this.every;
  }
}

/** Ticks of `skip` and `catch-up`: a grid that starts with the first tick. */
class Interval implements Ticks {
  missed = 0;
  #next: number | undefined = undefined;

  constructor(
    private readonly every: number,
    private readonly rule: MissedTicks,
  ) {}

  next(now: number): number {
    if (this.#next === undefined) {
      this.#next = now + this.every;
      return now;
    }
    const tick = this.#next;
    const late = (now - tick - precision) / this.every;
    const passed = Math.max(0, this.rule === 'skip' ? Math.ceil(late) : Math.floor(late) - mostMissed);
    this.missed += passed;
    const start = tick + passed * this.every;
    this.#next = start + this.every;
    return start;
  }

  left(tick: number, now: number): number {
    return tick - now;
  }

  ended(): void {}
}

/** Ticks of a cron expression, based on the wall clock. */
class Calendar implements Ticks {
  missed = 0;
  #last = new Date();
  #due = 0;

  constructor(
    private readonly after: (date: Date) => number | undefined,
    private readonly rule: MissedTicks,
  ) {}

  next(): number {
    for (;;) {
      const tick = this.after(this.#last);
      if (tick === undefined) return Infinity;
      this.#last = new Date(tick);
      if (tick >= Date.now()) {
        this.#due = 0;
        return tick;
      }
      if (this.rule === 'catch-up' && this.#due < mostMissed) {
        this.#due++;
        return tick;
      }
      this.missed++;
    }
  }

  left(tick: number): number {
    return tick - Date.now();
  }

  ended(): void {}
}
