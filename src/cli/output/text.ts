/**
 * Text for a terminal. What comes from runs may hold anything: escape sequences that recolour, move the cursor or set the
 * clipboard, and signs that turn the direction of writing. None of it reaches a terminal as more than something to read.
 */

/** C0 but for tab and line end, DEL, C1, what turns directions, line separators, half surrogate pairs. */
const hostile =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** Text of several lines. */
export function harmless(text: string): string {
  return text.replace(hostile, escapeOf);
}

/** Text of one line. */
export function oneLine(text: string): string {
  return harmless(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

/** A version, or a workflow with its version; a hash, which nobody reads, is cut short. */
export function versionText(name: string): string {
  return oneLine(name.replace(/(?<=^|@)([\w-]{8})[\w-]{35}$/, '$1…'));
}

function escapeOf(character: string): string {
  return character === '\r' ? '\\r' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
