/**
 * Functions that make text safe to store and send: databases reject NUL, and UTF-8 cannot represent half of a surrogate
 * pair.
 */

/** Replacement for a character that cannot be stored. */
const replacement = '\ufffd';

/** Returns true if the text can be stored unchanged, because it contains no NUL and no half of a surrogate pair. */
export function isClean(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/**
 * Returns text that can be stored: U+FFFD replaces each NUL and each half of a surrogate pair.
 *
 * @param longest - maximum length in UTF-16 units; the rest is cut off. Default: no limit
 */
export function cleaned(text: string, longest = Infinity): string {
  const short = cut(text, longest);
  return isClean(short) ? short : short.toWellFormed().replaceAll('\0', replacement);
}

/** Returns the beginning of text: at most `longest` UTF-16 units, without splitting a surrogate pair. */
export function cut(text: string, longest: number): string {
  if (text.length <= longest) return text;
  return text.slice(0, isWithinPair(text, longest) ? longest - 1 : longest);
}

/** Like `cut`, for the end of text. */
export function endOf(text: string, longest: number): string {
  const begin = text.length - longest;
  if (begin <= 0) return text;
  return text.slice(isWithinPair(text, begin) ? begin + 1 : begin);
}

function isWithinPair(text: string, index: number): boolean {
  return (text.codePointAt(index - 1) ?? 0) > 0xffff;
}
