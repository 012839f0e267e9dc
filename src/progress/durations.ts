const numbers = new Intl.NumberFormat('en-US');

/** 12,345 */
export function count(number: number): string {
  return numbers.format(number);
}

/** 240 ms, 1.2 s, 2 min 05 s, 1 h 02 min */
export function duration(milliseconds: number): string {
  return milliseconds < 999.5 ? `${Math.round(milliseconds)} ms` : elapsed(milliseconds);
}

/** A duration that goes on: it does not show milliseconds, which nobody could read. */
export function elapsed(milliseconds: number): string {
  const seconds = milliseconds / 1_000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  return `${count(Math.floor(minutes / 60))} h ${twoDigits(minutes % 60)} min`;
}

/** What is still to wait, rounded up: 0.8 s, 1 s, 2 min 05 s. */
export function remaining(milliseconds: number): string {
  const tenths = Math.max(1, Math.ceil(milliseconds / 100));
  if (tenths < 10) return `0.${tenths} s`;
  const seconds = Math.ceil(milliseconds / 1_000);
  return seconds < 60 ? `${seconds} s` : elapsed(seconds * 1_000);
}

/** 240/s, 1.5/s */
export function perSecond(rate: number): string {
  return `${rate < 9.95 ? rate.toFixed(1) : count(Math.round(rate))}/s`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}
