/** Formats numbers and times for people: short, and always in the same form. */

import { formatElapsed } from '../src/shared/durations.js';

export { formatDuration } from '../src/shared/durations.js';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const grouped = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export function count(value: number): string {
  return grouped.format(value);
}

/** A count, abbreviated from ten thousand upwards: `12.3K`. */
export function shortCount(value: number): string {
  return value < 10_000 ? grouped.format(value) : compact.format(value);
}

/** A count with its noun: `1 run`, `2 runs`. */
export function counted(value: number, one: string, several = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : several}`;
}

export function rate(perSecond: number): string {
  if (perSecond === 0) return '0/s';
  if (perSecond < 10) return `${perSecond.toFixed(1)}/s`;
  return `${shortCount(Math.round(perSecond))}/s`;
}

/** A growing duration. Shown in whole seconds below a minute, because the display changes once a second. */
export function runningDuration(milliseconds: number): string {
  return milliseconds < minute ? `${Math.max(0, Math.floor(milliseconds / second))} s` : formatElapsed(milliseconds);
}

/** A time relative to now: `12 s ago`, `in 3 min`. A time more than a week away is shown as a date. */
export function relative(time: number, now: number): string {
  const distance = Math.abs(now - time);
  if (distance < second) return 'now';
  if (distance >= 7 * day) return date(time);
  const text = oneUnit(distance);
  return time > now ? `in ${text}` : `${text} ago`;
}

function oneUnit(milliseconds: number): string {
  if (milliseconds < minute) return `${Math.floor(milliseconds / second)} s`;
  if (milliseconds < hour) return `${Math.floor(milliseconds / minute)} min`;
  if (milliseconds < day) return `${Math.floor(milliseconds / hour)} h`;
  return `${Math.floor(milliseconds / day)} d`;
}

function date(time: number): string {
  const at = new Date(time);
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}`;
}

/** A time in the reader's time zone: `2025-06-01 14:03:07.214`. */
export function exact(time: number): string {
  return `${date(time)} ${clockTime(time)}`;
}

/** The time of day: `14:03:07.214`. */
export function clockTime(time: number): string {
  const at = new Date(time);
  const parts = [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(':');
  return `${parts}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

function twoDigits(value: number): string {
  return String(Math.floor(value)).padStart(2, '0');
}
