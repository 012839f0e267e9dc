/**
 * Texts from elsewhere, such that everything that keeps or sends text takes them: databases refuse NUL, and UTF-8 has no
 * place for half of a surrogate pair.
 */

/** Stands for a character that cannot be kept. */
const replacement = '\ufffd';

/** If true, a text can be kept as it is: it has no NUL, and no half of a surrogate pair. */
export function isClean(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/**
 * A text that can be kept: U+FFFD stands for each NUL and each half of a surrogate pair.
 *
 * @param longest - how many UTF-16 units the text has at most; what is behind them is cut off. Default: no limit
 */
export function cleaned(text: string, longest = Infinity): string {
  const short = cut(text, longest);
  return isClean(short) ? short : short.toWellFormed().replaceAll('\0', replacement);
}

/** The beginning of a text: at most `longest` UTF-16 units, and never one half of a surrogate pair without the other. */
export function cut(text: string, longest: number): string {
  if (text.length <= longest) return text;
  return text.slice(0, isWithinPair(text, longest) ? longest - 1 : longest);
}

/** Like `cut`, for the end of a text. */
export function endOf(text: string, longest: number): string {
  const begin = text.length - longest;
  if (begin <= 0) return text;
  return text.slice(isWithinPair(text, begin) ? begin + 1 : begin);
}

function isWithinPair(text: string, index: number): boolean {
  return (text.codePointAt(index - 1) ?? 0) > 0xffff;
}
