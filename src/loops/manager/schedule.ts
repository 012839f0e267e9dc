import type * as Croner from 'croner';
import { ValidationError } from '../../shared/errors.js';
import { loadPeers } from '../../shared/peers.js';
import type { MissedTicks, Schedule } from '../definition.js';

/** How many ticks that have passed are made up for. */
const mostMissed = 100;

/** A tick that comes at the very moment is not missed; sums of fractions are not exact. In milliseconds. */
const precision = 0.001;

/**
 * When iterations start. Times of intervals are of a `Clock`, those of a calendar of the wall clock; in milliseconds.
 *
 * A tick that passes while an iteration is under way is missed: `skip` passes over it, `catch-up` makes up for it at once,
 * with `delay` there is none, since the interval begins when an iteration has ended.
 */
export interface Ticks {
  /** Ticks that were passed over. */
  readonly missed: number;
  /** When the next iteration starts: at once, if that has passed. Asked once before each. */
  next(now: number): number;
  /** How long it is until then. Whoever waits looks again and again: clocks are set, and machines sleep. */
  left(tick: number, now: number): number;
  /** An iteration has ended. */
  ended(now: number): void;
}

/** @throws {MissingPeerError} for a cron expression without `croner` */
export async function ticksOf({ every, cron, timezone, missed = 'skip' }: Schedule): Promise<Ticks> {
  if (cron === undefined)
    return missed === 'delay' ? new Pauses(every as number) : new Interval(every as number, missed);
  const { croner } = await loadPeers<{ croner: typeof Croner }>('a cron schedule', ['croner']);
  const { Cron } = croner;
  try {
    const pattern = new Cron(cron, { paused: true, ...(timezone === undefined ? {} : { timezone }) });
    // A time zone that is not there shows when it is asked for.
    pattern.nextRun();
    return new Calendar((after) => pattern.nextRun(after)?.getTime(), missed);
  } catch (cause) {
    throw new ValidationError(`schedule.cron is not understood: ${(cause as Error).message}`, { cause });
  }
}

/** An interval that begins when an iteration ends. */
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

/** Ticks on a grid that begins with the first. */
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

/** Ticks of a calendar, by the wall clock. */
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
