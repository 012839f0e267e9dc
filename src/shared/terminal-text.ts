import stringWidth from 'string-width';

/** Maximum length of text, in UTF-16 units. The rest is cut off. */
const longest = 500;
const segmenter = new Intl.Segmenter();
/**
 * Patterns of terminal commands (ECMA-48): strings (titles, links), control sequences (cursor, colours), and other
 * escapes.
 */
// biome-ignore-start lint/suspicious/noControlCharactersInRegex: the patterns remove control characters
const commands = [
  /(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?/.source,
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?/.source,
  /\u001b[ -/]*[0-~]?/.source,
].join('|');
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: the patterns remove control characters
const command = new RegExp(commands, 'g');

/**
 * Makes text from any source safe for a terminal. The result is one line, without escape sequences and other control
 * characters (including those that change the direction of writing) and without stacks of accents. Names of actions and
 * error messages can contain all of these.
 */
export function clean(text: string): string {
  return text
    .slice(0, longest)
    .replace(command, '')
    .replace(/[\s\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[\p{Cc}\p{Cs}]|(?!\u200d)\p{Cf}/gu, '')
    .replace(/\p{Cn}/gu, '\ufffd')
    .replace(/(\p{M}{3})\p{M}+/gu, '$1')
    .trim();
}

/** Returns the message of an error, made safe for a terminal. */
export function messageOf(error: unknown): string {
  try {
    const { message, name } = Object(error) as { message?: unknown; name?: unknown };
    return clean(String(message || name || error));
  } catch {
    return 'an error that cannot be read';
  }
}

/**
 * Returns the maximum number of columns that text takes. Terminals disagree about the width of emoji that are joined
 * from several emoji. Here each of them counts, because a line that is wider than expected would wrap and break the
 * picture.
 */
export function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  // Variation selector 16 makes the previous character an emoji, which is wide.
  for (const character of text) width += character === pictureSelector ? 1 : stringWidth(character);
  return width;
}

const pictureSelector = '\ufe0f';

/** Shortens text to the given width, with an ellipsis if anything is cut off. Never splits a grapheme cluster. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  let left = width - 1;
  for (const { segment } of segmenter.segment(text)) {
    left -= widthOf(segment);
    if (left < 0) break;
    kept += segment;
  }
  return width < 1 ? '' : `${kept}…`;
}
