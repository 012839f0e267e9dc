/** Position of a value in text. */
interface ValueInText {
  readonly kind: 'quoted' | 'enclosed' | 'bare';
  /** Start of the value; for a quoted value, after the opening quote. */
  readonly begin: number;
  /** End of the value; for a quoted value, before the closing quote. */
  readonly end: number;
}

const opening = /\\{0,3}["'`]/y;
const bare = /[^\s"'`&;,<>(){}[\]\\=][^\s"'`&;,<>){}[\]\\]*/y;
const brackets: Readonly<Record<string, number>> = { '{': 1, '[': 1, '}': -1, ']': -1 };

/**
 * Finds the value that starts at a position: quoted text, text in brackets, or a word. A value without a closing quote
 * or bracket was cut off, and extends to the end of the text. Each character is examined once.
 *
 * @returns `undefined` if no value starts there
 */
export function endOfValue(text: string, at: number): ValueInText | undefined {
  const quote = matchAt(opening, text, at);
  if (quote !== undefined) {
    const begin = at + quote.length;
    return { kind: 'quoted', begin, end: endOfQuoted(text, begin, quote) };
  }
  if (text[at] === '{' || text[at] === '[') return { kind: 'enclosed', begin: at, end: endOfEnclosed(text, at) };
  const word = matchAt(bare, text, at);
  return word === undefined ? undefined : { kind: 'bare', begin: at, end: at + word.length };
}

/**
 * The end of a quoted value. If the value is inside a quoted text, its quotes are escaped; quotes with more escapes
 * than the opening quote are part of the value.
 */
function endOfQuoted(text: string, begin: number, quote: string): number {
  const sign = quote.at(-1) as string;
  for (let at = text.indexOf(sign, begin); at >= 0; at = text.indexOf(sign, at + 1)) {
    let escapes = 0;
    while (at - escapes > begin && text[at - escapes - 1] === '\\') escapes++;
    if (escapes < quote.length) return at - escapes;
  }
  return text.length;
}

function endOfEnclosed(text: string, begin: number): number {
  let depth = 0;
  for (let at = begin; at < text.length; at++) {
    const quote = /["'`\\]/.test(text[at] as string) ? matchAt(opening, text, at) : undefined;
    if (quote !== undefined) {
      at = endOfQuoted(text, at + quote.length, quote) + quote.length - 1;
      continue;
    }
    depth += brackets[text[at] as string] ?? 0;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

/** @param pattern - a sticky pattern */
function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
