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
 * How many columns a text takes at most. Terminals differ where emoji are joined: there this is the width of the parts
 * side by side, for what is wider than thought would wrap and break the picture.
 */
export function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += widthOfCharacter(character);
  return width;
}

const zeroWidth = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
/** Asks for the picture of the character before it, which is then wide. */
const pictureSelector = '\ufe0f';

function widthOfCharacter(character: string): number {
  if (character === pictureSelector) return 1;
  if (zeroWidth.test(character)) return 0;
  return isWide(character) ? 2 : 1;
}

/** East Asian Width W and F (UAX 11), in blocks. */
const wideBlocks = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x1b2ff],
  [0x1d300, 0x1d376],
  [0x1f200, 0x1f2ff],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
] as const;

function isWide(character: string): boolean {
  const code = character.codePointAt(0) as number;
  return wideBlocks.some(([first, last]) => code >= first && code <= last) || /\p{Emoji_Presentation}/u.test(character);
}

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
