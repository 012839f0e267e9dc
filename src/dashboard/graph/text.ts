/**
 * Characters that are invisible or change the reading order of text: control characters, zero-width characters and
 * bidirectional controls. Names come from users, so such characters are written as codes to make different names look
 * different.
 */
const hidden =
  /[\p{Cc}\p{Zl}\p{Zp}\u00AD\u061C\u180E\u200B\u200C\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]/gu;
/** The zero-width joiner. It is visible only between the parts of an emoji. */
const joiner = /(?<!\p{Extended_Pictographic}|\uFE0F|[\u{1F3FB}-\u{1F3FF}])\u200D/gu;

/** A name on one line, with hidden characters written as codes. */
export function visible(text: string): string {
  return text.replace(hidden, code).replace(joiner, code);
}

/** Multi-line text, with hidden characters written as codes. Tabs and line breaks stay. */
export function visibleLines(text: string): string {
  return text
    .replace(hidden, (character) => (/[\n\t]/.test(character) ? character : code(character)))
    .replace(joiner, code);
}

/** Shortens text to `length` characters. The middle is left out, because names usually differ at their ends. */
export function shortened(text: string, length: number): string {
  const characters = [...text.slice(0, 4 * length), ...(text.length > 4 * length ? [...text.slice(-length)] : [])];
  if (characters.length <= length) return text;
  const tail = Math.floor((length - 1) / 2);
  return `${characters.slice(0, length - 1 - tail).join('')}…${characters.slice(-tail).join('')}`;
}

/** Approximate width of text in a sans-serif font, as a multiple of the font size. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += widthOfCharacter(character);
  return width;
}

function widthOfCharacter(character: string): number {
  if (/[ .,:;'|!ijlIft()[\]{}/\\-]/.test(character)) return 0.36;
  if (/[mwMW@%…—]/.test(character)) return 0.92;
  if (/[A-Z_]/.test(character)) return 0.7;
  return (character.codePointAt(0) ?? 0) > 0x2e7f ? 1.05 : 0.58;
}

function code(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
