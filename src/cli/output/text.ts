/**
 * Makes text harmless for a terminal. Text from runs may contain anything: escape sequences that recolour, move the
 * cursor or set the clipboard, and characters that change the direction of writing. All of them are shown as visible
 * escapes.
 */

/** C0 except tab and line feed, DEL, C1, bidirectional controls, line separators, lone surrogates. */
const hostile =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** Makes multi-line text harmless. */
export function harmless(text: string): string {
  return text.replace(hostile, escapeOf);
}

/** Makes text harmless and puts it on one line. */
export function oneLine(text: string): string {
  return harmless(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

/** Shortens a version that is a hash. The version may stand alone or in `workflow@version`. */
export function versionText(name: string): string {
  return oneLine(name.replace(/(?<=^|@)([\w-]{8})[\w-]{35}$/, '$1…'));
}

function escapeOf(character: string): string {
  return character === '\r' ? '\\r' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
