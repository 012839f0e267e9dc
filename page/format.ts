/** Numbers and times as people read them: short, and always written the same way. */

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const grouped = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export function count(value: number): string {
  return grouped.format(value);
}

/** Short from ten thousand on: `12.3K`. */
export function shortCount(value: number): string {
  return value < 10_000 ? grouped.format(value) : compact.format(value);
}

/** `1 run`, `2 runs`. */
export function counted(value: number, one: string, several = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : several}`;
}

export function rate(perSecond: number): string {
  if (perSecond === 0) return '0/s';
  if (perSecond < 10) return `${perSecond.toFixed(1)}/s`;
  return `${shortCount(Math.round(perSecond))}/s`;
}

/** `840 ms`, `2.4 s`, `1 m 05 s`, `2 h 14 m`, `3 d 4 h`. */
export function duration(milliseconds: number): string {
  const value = Math.max(0, milliseconds);
  if (value < 1) return value === 0 ? '0 ms' : '< 1 ms';
  if (value < second) return `${Math.round(value)} ms`;
  if (value < 10 * second) return `${(value / second).toFixed(1)} s`;
  if (value < minute) return `${Math.floor(value / second)} s`;
  if (value < hour) return `${Math.floor(value / minute)} m ${twoDigits((value % minute) / second)} s`;
  if (value < day) return `${Math.floor(value / hour)} h ${twoDigits((value % hour) / minute)} m`;
  return `${Math.floor(value / day)} d ${Math.floor((value % day) / hour)} h`;
}

/** As `duration`, in whole seconds, for what is going on. */
export function runningDuration(milliseconds: number): string {
  return milliseconds < 10 * second ? `${Math.max(0, Math.floor(milliseconds / second))} s` : duration(milliseconds);
}

/** `12 s ago`, `in 3 m`; what is more than a week away with its date. */
export function relative(time: number, now: number): string {
  const distance = Math.abs(now - time);
  if (distance < second) return 'now';
  if (distance >= 7 * day) return date(time);
  const text = oneUnit(distance);
  return time > now ? `in ${text}` : `${text} ago`;
}

function oneUnit(milliseconds: number): string {
  if (milliseconds < minute) return `${Math.floor(milliseconds / second)} s`;
  if (milliseconds < hour) return `${Math.floor(milliseconds / minute)} m`;
  if (milliseconds < day) return `${Math.floor(milliseconds / hour)} h`;
  return `${Math.floor(milliseconds / day)} d`;
}

function date(time: number): string {
  const at = new Date(time);
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}`;
}

/** `2025-06-01 14:03:07.214`, in the reader's time zone. */
export function exact(time: number): string {
  return `${date(time)} ${clockTime(time)}`;
}

/** `14:03:07.214`. */
export function clockTime(time: number): string {
  const at = new Date(time);
  const parts = [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(':');
  return `${parts}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

function twoDigits(value: number): string {
  return String(Math.floor(value)).padStart(2, '0');
}
