const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** A duration as people say it: `0 ms`, `850 ms`, `4.2 s`, `3m 20s`, `2h 5m`, `3d 4h`. */
export function durationOf(milliseconds: number): string {
  const whole = Math.max(0, Math.round(milliseconds));
  if (whole < 1_000) return `${whole} ms`;
  if (whole < 59_950) return `${(whole / 1_000).toFixed(1)} s`;
  const seconds = Math.round(whole / 1_000) * 1_000;
  const first = units.findIndex(([, length]) => seconds >= length);
  const [unit, length] = units[first] ?? units[3];
  const [smaller, part] = units[first + 1] ?? units[3];
  const rest = Math.floor((seconds % length) / part);
  return `${Math.floor(seconds / length)}${unit}${rest === 0 ? '' : ` ${rest}${smaller}`}`;
}

/** A point in time, as the clock on the wall has it: `2026-11-21 19:15:03`. */
export function timeOf(time: number): string {
  const date = new Date(time);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, '0'));
  return `${day.join('-')} ${clockOf(time)}`;
}

/** `19:15:03` */
export function clockOf(time: number): string {
  const date = new Date(time);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** How long ago it was, or when it will be: `12.0 s ago`, `in 3m`. */
export function agoOf(time: number, now: number): string {
  return time <= now ? `${durationOf(now - time)} ago` : `in ${durationOf(time - now)}`;
}

const inMilliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `500`, `500ms`, `30s`, `5m`, `2h`, `7d`, as milliseconds; `undefined` for what is none. */
export function readDuration(text: string): number | undefined {
  const [, number, unit = 'ms'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  return number === undefined ? undefined : Math.round(Number(number) * (inMilliseconds[unit] as number));
}

/** Reads a point in time: a date as ISO 8601 has it, or how long ago it was; `undefined` for what is neither. */
export function readTime(text: string, now: number): number | undefined {
  const ago = /^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/.test(text) ? readDuration(text) : undefined;
  if (ago !== undefined) return now - ago;
  const time = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
