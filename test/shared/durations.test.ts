import { describe, expect, it } from 'vitest';
import { formatDuration, formatElapsed, formatRemaining, parseDuration } from '../../src/shared/durations.js';

describe('durations', () => {
  it.each([
    [0, '0 ms', '0.0 s'],
    [-5, '0 ms', '0.0 s'],
    [0.001, '0.1 ms', '0.0 s'],
    [0.34, '0.3 ms', '0.0 s'],
    [0.96, '1 ms', '0.0 s'],
    [240.4, '240 ms', '0.2 s'],
    [999.6, '1.0 s', '1.0 s'],
    [59_940, '59.9 s', '59.9 s'],
    [59_960, '1 min 00 s', '1 min 00 s'],
    [125_000, '2 min 05 s', '2 min 05 s'],
    [3_599_900, '1 h 00 min', '1 h 00 min'],
    [3_720_000, '1 h 02 min', '1 h 02 min'],
    [86_399_999, '1 d 0 h', '1 d 0 h'],
    [273_600_000, '3 d 4 h', '3 d 4 h'],
  ])('writes %d ms as %s once they are over, as %s while they go on', (milliseconds, over, goingOn) => {
    expect([formatDuration(milliseconds), formatElapsed(milliseconds)]).toEqual([over, goingOn]);
  });

  it('rounds up the time that remains, which is never nothing', () => {
    expect([-5, 0, 800, 899.9, 950, 1_001].map(formatRemaining)).toEqual([
      '0.1 s',
      '0.1 s',
      '0.8 s',
      '0.9 s',
      '1 s',
      '2 s',
    ]);
    expect([59_500, 125_000].map(formatRemaining)).toEqual(['1 min 00 s', '2 min 05 s']);
  });

  it.each([
    ['500', 500],
    ['500ms', 500],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['5min', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['soon', undefined],
    ['-1s', undefined],
    ['', undefined],
  ])('reads %j as a duration', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });
});
