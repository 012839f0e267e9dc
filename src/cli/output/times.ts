import { formatDuration, parseDuration } from '../../shared/durations.js';

/** A point in time in the local time zone: `2026-11-21 19:15:03`. */
export function timeOf(time: number): string {
  const date = new Date(time);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, '0'));
  return `${day.join('-')} ${clockOf(time)}`;
}

/** The time of day in the local time zone: `19:15:03`. */
export function clockOf(time: number): string {
  const date = new Date(time);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** A point in time relative to `now`: `12.0 s ago`, `in 3 min 00 s`. */
export function agoOf(time: number, now: number): string {
  return time <= now ? `${formatDuration(now - time)} ago` : `in ${formatDuration(time - now)}`;
}

/**
 * Reads a point in time: a date in ISO 8601 (`2026-11-21T19:00`), or a duration before `now` (`30m`). Returns `undefined` for
 * any other text.
 */
export function readTime(text: string, now: number): number | undefined {
  const ago = /[a-z]$/.test(text) ? parseDuration(text) : undefined;
  if (ago !== undefined) return now - ago;
  const time = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
