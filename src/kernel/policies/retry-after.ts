/**
 * Patterns for the parts of a `Retry-After` field: seconds, or an HTTP date in any of its three forms (RFC 9110,
 * sections 10.2.3 and 5.6.7). Servers also send fractions of seconds, several values (when a proxy adds its own), and
 * other names for the time zone.
 */
const seconds = String.raw`\d+(?:\.\d+)?`;
const month = 'Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec';
const time = String.raw`\d{2}:\d{2}:\d{2}`;
const zone = '(?:GMT|UTC?|Z|[+-]00:?00)';
/** Dates like `Sun, 06 Nov 1994 08:49:37 GMT`, and `Sunday, 06-Nov-94 08:49:37 GMT` of RFC 850. */
const named = String.raw`[A-Z][a-z]{2,8}, \d{1,2}[ -](?:${month})[ -](?:\d{4}|\d{2}) ${time} ${zone}`;
/** Dates of C's `asctime`, like `Sun Nov 6 08:49:37 1994`. Always in UTC. */
const asctime = String.raw`[A-Z][a-z]{2} (?:${month}) [ \d]\d ${time} \d{4}`;

const value = new RegExp(`${named}|${asctime}|${seconds}`, 'g');
const field = new RegExp(
  String.raw`^\s*(?:${named}|${asctime}|${seconds})(?:\s*,\s*(?:${named}|${asctime}|${seconds}))*\s*$`,
);

/**
 * Maximum length of a field, in characters. Valid fields are shorter, but the text from a server may have any length.
 */
const longestField = 500;

/**
 * Returns the milliseconds from now until the latest of the times in a field, or `undefined` if the text contains
 * anything else.
 */
export function readRetryAfter(text: string): number | undefined {
  if (text.length > longestField || !field.test(text)) return undefined;
  const delays = (text.match(value) ?? []).map((one) => (/^[\d.]+$/.test(one) ? Number(one) * 1000 : untilDate(one)));
  const latest = Math.max(...delays);
  return Number.isNaN(latest) ? undefined : Math.max(0, latest);
}

function untilDate(text: string): number {
  const [, name = ''] = new RegExp(`(${month})`).exec(text.slice(4)) ?? [];
  const [, clock = ''] = new RegExp(`(${time})`).exec(text) ?? [];
  const [hours = 0, minutes = 0, secondsOfMinute = 0] = clock.split(':').map(Number);
  // The remaining numbers are the day and the year, in this order in all three forms.
  const [day = 0, year = 0] = (
    text
      .replace(clock, '')
      .replace(/[+-]00:?00$/, '')
      .match(/\d+/g) ?? []
  ).map(Number);
  const at = Date.UTC(fullYear(year), month.split('|').indexOf(name), day, hours, minutes, secondsOfMinute);
  const isReal = new Date(at).getUTCDate() === day && hours < 24 && minutes < 60 && secondsOfMinute <= 60;
  return isReal ? at - Date.now() : Number.NaN;
}

/**
 * Expands a two-digit year to the latest year with these digits that is at most ten years in the future. Longer delays
 * are unlikely.
 */
function fullYear(year: number): number {
  if (year > 99) return year;
  const latest = new Date().getUTCFullYear() + 10;
  return latest - ((latest - year) % 100);
}
