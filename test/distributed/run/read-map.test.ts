import { describe, expect, it, vi } from 'vitest';
import { ReadMap } from '../../../src/distributed/run/read-map.js';

function numbers(...texts: string[]) {
  const kept = new Map(texts.map((text) => [text, text] as const));
  const read = vi.fn((text: string) => Number(text));
  return { kept, read, map: new ReadMap(kept, read) };
}

describe('a map over another map', () => {
  it('reads a value on first access, once', () => {
    const { read, map } = numbers('1', '2');
    expect([map.has('1'), map.has('3'), map.size, [...map.keys()]]).toEqual([true, false, 2, ['1', '2']]);
    expect(read).not.toHaveBeenCalled();
    expect([map.get('1'), map.get('1'), map.get('3')]).toEqual([1, 1, undefined]);
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('follows the other map, except for values that it has read', () => {
    const { kept, map } = numbers('1', '2');
    expect(map.get('2')).toBe(2);
    kept.set('3', '3');
    kept.delete('1');
    kept.delete('2');
    expect([map.has('1'), map.get('1'), map.get('2'), map.get('3')]).toEqual([false, undefined, 2, 3]);
    expect([...map.values()].sort()).toEqual([2, 3]);
  });

  it('keeps its own changes to itself', () => {
    const { kept, map } = numbers('1', '2');
    map.set('1', 10).set('3', 30);
    expect([map.delete('2'), map.delete('2'), map.delete('4')]).toEqual([true, false, false]);
    expect([...map.entries()]).toEqual([
      ['1', 10],
      ['3', 30],
    ]);
    expect([map.size, map.has('2'), map.get('2')]).toEqual([2, false, undefined]);
    map.set('2', 20);
    expect([map.get('2'), [...map.keys()]]).toEqual([20, ['1', '2', '3']]);
    expect([...kept]).toEqual([
      ['1', '1'],
      ['2', '2'],
    ]);
  });
});
