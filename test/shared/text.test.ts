import { describe, expect, it } from 'vitest';
import { cleaned, cut, endOf, isClean } from '../../src/shared/text.js';
import fc from '../properties.js';

const anyText = fc.string({ unit: fc.oneof(fc.constantFrom('\0', '\ud83d', '\ude00', '😀', 'a'), fc.string()) });

describe('a cleaned text', () => {
  it.each([
    ['has U+FFFD for NUL', '\0a\0', '\ufffda\ufffd'],
    ['has U+FFFD for half of a surrogate pair', 'a\ud83d\ude00\ud83d', 'a😀\ufffd'],
    ['is the same if there is nothing to be cleaned', 'é 😀 \u0001', 'é 😀 \u0001'],
  ])('%s', (_name, text, expected) => {
    expect(cleaned(text)).toBe(expected);
  });

  it('is clean, within its maximum length, and survives UTF-8', () => {
    fc.assert(
      fc.property(anyText, fc.nat(20), (text, longest) => {
        const clean = cleaned(text, longest);
        expect(isClean(clean)).toBe(true);
        expect(clean.length).toBeLessThanOrEqual(longest);
        expect(Buffer.from(clean).toString()).toBe(clean);
        expect(cleaned(clean)).toBe(clean);
      }),
    );
  });
});

describe('a cut text', () => {
  it.each([
    [0, '', ''],
    [1, '', ''],
    [2, '😀', '😀'],
    [3, '😀', '😀'],
    [4, '😀😀', '😀😀'],
    [9, '😀😀', '😀😀'],
  ])('to %i has no half of a surrogate pair at its end, nor at its beginning', (longest, begin, end) => {
    expect(cut('😀😀', longest)).toBe(begin);
    expect(endOf('😀😀', longest)).toBe(end);
  });

  it('is a beginning, or an end, and at most one unit shorter than allowed', () => {
    fc.assert(
      fc.property(anyText, fc.nat(20), (text, longest) => {
        const whole = Math.min(longest, text.length);
        for (const part of [cut(text, longest), endOf(text, longest)]) {
          expect(part.length).toBeGreaterThanOrEqual(Math.max(whole - 1, 0));
          expect(part.length).toBeLessThanOrEqual(whole);
        }
        expect(text.startsWith(cut(text, longest))).toBe(true);
        expect(text.endsWith(endOf(text, longest))).toBe(true);
        if (text.isWellFormed())
          expect(cut(text, longest).isWellFormed() && endOf(text, longest).isWellFormed()).toBe(true);
      }),
    );
  });
});
