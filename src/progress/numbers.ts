/** Created for the first number, because creating it takes as long as loading this whole folder. */
let numbers: Intl.NumberFormat | undefined;

/** Formats a number with separators: `12,345`. */
export function count(number: number): string {
  numbers ??= new Intl.NumberFormat('en-US');
  return numbers.format(number);
}

/** Formats a rate: `240/s`, `1.5/s`. */
export function perSecond(rate: number): string {
  return `${rate < 9.95 ? rate.toFixed(1) : count(Math.round(rate))}/s`;
}
