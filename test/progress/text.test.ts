import { describe, expect, it } from 'vitest';
import { fitted, lineWidth, paint, span } from '../../src/progress/layout/line.js';
import { count, perSecond } from '../../src/progress/numbers.js';
import { clean, cut, messageOf, widthOf } from '../../src/shared/terminal-text.js';
import fc from '../properties.js';

/** Arbitrary texts, including terminal commands. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\u001b[2J', '\u001b]0;title\u0007', '\u001b[31m', '\r', '\n', '\u009b5A', '\u202e', '\ud800'),
      fc.constantFrom('👍', '👨‍👩‍👧', '漢字', 'é', '한글', '🇫🇷', '⚠️', 'ａ'),
    ),
  )
  .map((parts) => parts.join(''));

describe('a text from any source', () => {
  it('is shown on one line, without terminal commands', () => {
    expect(clean('\u001b[31mred\u001b[0m\u001b[2J\r\nnext\tline')).toBe('red next line');
    expect(clean('\u001b]0;new title\u0007name')).toBe('name');
    expect(clean('\u001b[31mred\u0007 name')).toBe('red name');
    expect(clean('\u001b]8;;http://example.com\u001b\\link\u001b]8;;\u001b\\')).toBe('link');
    expect(clean('\u001bPdevice\u009cname\u001bc\u001b(B')).toBe('name');
    expect(clean('\u009b2Jname\u0000\u0008\u007f')).toBe('name');
    expect(clean('user\u2028 name\u2029')).toBe('user name');
  });

  it('does not change the direction of writing', () => {
    expect(clean('report\u202exe.fdp\u2066')).toBe('reportxe.fdp');
  });

  it('keeps joined emoji and accents, but no stacks of accents', () => {
    expect(clean('👨‍👩‍👧 café')).toBe('👨‍👩‍👧 café');
    expect(clean(`z${'\u0301'.repeat(50)}`)).toBe(`z${'\u0301'.repeat(3)}`);
  });

  it('is cut before it is processed, so that a long one costs no more', () => {
    expect(clean('x'.repeat(1_000_000))).toHaveLength(500);
  });

  it('contains no terminal commands, whatever it contained before', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(clean(text)).toMatch(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]*$/u);
      }),
    );
  });

  it('is cut to a width, and is never wider, whatever it contains', () => {
    fc.assert(
      fc.property(hostile, fc.nat(40), (text, width) => {
        const cleaned = clean(text);
        expect(widthOf(cut(cleaned, width))).toBeLessThanOrEqual(width);
        if (widthOf(cleaned) <= width) expect(cut(cleaned, width)).toBe(cleaned);
      }),
    );
  });

  it('is cut between grapheme clusters', () => {
    expect(cut('fetchUserOrders', 10)).toBe('fetchUser…');
    expect(cut('ab👨‍👩‍👧cd', 5)).toBe('ab…');
    expect(cut('漢字漢字', 6)).toBe('漢字…');
    expect(cut('long', 1)).toBe('…');
    expect(cut('long', 0)).toBe('');
  });

  it('is as wide as its characters are', () => {
    expect(['abc', 'é', 'e\u0301', '漢字', '👍', '한글', 'ａ', '✓'].map(widthOf)).toEqual([3, 1, 1, 4, 2, 4, 2, 1]);
  });

  it('is measured too wide rather than too narrow if terminals differ', () => {
    expect(widthOf('⚠️')).toBe(2);
    expect(widthOf('👨‍👩‍👧')).toBe(6);
  });
});

describe('the message of an error', () => {
  it.each([
    [new Error('503\nService Unavailable'), '503 Service Unavailable'],
    [new TypeError(''), 'TypeError'],
    ['a text', 'a text'],
    [undefined, 'undefined'],
    [{ message: 42 }, '42'],
  ])('of %o is %s', (error, message) => {
    expect(messageOf(error)).toBe(message);
  });

  it('that cannot be read does no harm', () => {
    const odd = {
      get message() {
        throw new Error('no');
      },
    };
    expect(messageOf(odd)).toBe('an error that cannot be read');
    expect(messageOf({ message: Symbol('x'), toString: null })).toBe('Symbol(x)');
  });
});

describe('numbers', () => {
  it('are grouped, and rates rounded', () => {
    expect(count(12_345)).toBe('12,345');
    expect([0.25, 1.5, 9.96, 1_234.5].map(perSecond)).toEqual(['0.3/s', '1.5/s', '10/s', '1,235/s']);
  });
});

describe('a line', () => {
  const line = [span('ab', 'red'), span('cd'), span('ef', 'dim')];

  it('has colours only if they are wanted', () => {
    expect(paint(line, true)).toBe('\u001b[31mab\u001b[39mcd\u001b[2mef\u001b[22m');
    expect(paint(line, false)).toBe('abcdef');
  });

  it('ends where it does not fit', () => {
    expect(paint(fitted(line, 6), false)).toBe('abcdef');
    expect(paint(fitted(line, 5), false)).toBe('abcd…');
    expect(paint(fitted(line, 3), false)).toBe('ab…');
    expect(lineWidth(fitted(line, 0))).toBe(0);
  });
});
