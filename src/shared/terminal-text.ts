import stringWidth from 'string-width';

/** No more of a text is looked at, in UTF-16 units. */
const longest = 500;
const segmenter = new Intl.Segmenter();
/** What a terminal obeys (ECMA-48): texts for it (titles, links), what moves and colours, and the rest. */
// biome-ignore-start lint/suspicious/noControlCharactersInRegex: it takes them away
const commands = [
  /(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?/.source,
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?/.source,
  /\u001b[ -/]*[0-~]?/.source,
].join('|');
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: it takes them away
const command = new RegExp(commands, 'g');

/**
 * What may be shown of a text from elsewhere: one line, without escape sequences and other controls (also those that
 * turn the direction of writing), without piles of accents. Names of actions and messages of errors come from anywhere.
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

/** What may be shown of an error. */
export function messageOf(error: unknown): string {
  try {
    const { message, name } = Object(error) as { message?: unknown; name?: unknown };
    return clean(String(message || name || error));
  } catch {
    return 'an error that cannot be read';
  }
}

/**
 * The most columns that a text may take. Terminals differ over emoji that are joined from several: here each part counts,
 * because a line that is wider than expected would wrap and break the picture.
 */
export function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  // The selector of a picture makes the character before it wide.
  for (const character of text) width += character === pictureSelector ? 1 : stringWidth(character);
  return width;
}

const pictureSelector = '\ufe0f';

/** As much of a text as fits, with an ellipsis where that is not all. Never cuts what is read as one character. */
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
