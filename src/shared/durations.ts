const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * Formats a duration for people, in at most two units: `0 ms`, `0.3 ms`, `240 ms`, `1.2 s`, `2 min 05 s`, `1 h 02 min`,
 * `3 d 4 h`.
 *
 * @param milliseconds - the duration; a negative duration counts as 0
 */
export function formatDuration(milliseconds: number): string {
  if (milliseconds <= 0) return '0 ms';
  if (milliseconds < 0.95) return `${Math.max(0.1, milliseconds).toFixed(1)} ms`;
  return milliseconds < 999.5 ? `${Math.round(milliseconds)} ms` : formatElapsed(milliseconds);
}

/**
 * Formats a duration that is still growing. Like `formatDuration`, but without milliseconds, because they would change
 * too fast to read.
 */
export function formatElapsed(milliseconds: number): string {
  if (milliseconds < minute - 50) return `${(Math.max(0, milliseconds) / second).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / second) * second;
  if (seconds < hour) return `${Math.floor(seconds / minute)} min ${twoDigits((seconds % minute) / second)} s`;
  const minutes = Math.round(seconds / minute) * minute;
  if (minutes < day) return `${Math.floor(minutes / hour)} h ${twoDigits((minutes % hour) / minute)} min`;
  return `${Math.floor(minutes / day)} d ${Math.floor((minutes % day) / hour)} h`;
}

/** Formats a remaining time, rounded up: `0.8 s`, `1 s`, `2 min 05 s`. */
export function formatRemaining(milliseconds: number): string {
  const tenths = Math.max(1, Math.ceil(milliseconds / 100));
  if (tenths < 10) return `0.${tenths} s`;
  const seconds = Math.ceil(milliseconds / second);
  return seconds < 60 ? `${seconds} s` : formatElapsed(seconds * second);
}

const units: Readonly<Record<string, number>> = { ms: 1, s: second, m: minute, min: minute, h: hour, d: day };

/** Reads `500`, `500ms`, `30s`, `5m`, `5min`, `2h` or `7d` as milliseconds. Returns `undefined` for any other text. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit = 'ms'] = /^(\d+(?:\.\d+)?)(ms|s|m|min|h|d)?$/.exec(text) ?? [];
  return number === undefined ? undefined : Math.round(Number(number) * (units[unit] as number));
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}
