import { isDeepStrictEqual } from 'node:util';
import { DefaultSerializer } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { merged, mergeInto } from '../../src/flow/run/merge.js';
import { Codec } from '../../src/shared/codec.js';
import fc from '../properties.js';

const values = fc.jsonValue({ maxDepth: 3 });
const numRuns = 500;
const codec = new Codec(new DefaultSerializer());

describe('a value changed by two nodes', () => {
  it('takes the change of one node if the other has changed nothing', () => {
    fc.assert(
      fc.property(values, values, (base, changed) => {
        expect(merged(changed, structuredClone(base), base)).toEqual(changed);
        expect(merged(structuredClone(base), changed, base)).toEqual(changed);
      }),
      { numRuns },
    );
  });

  it('has all elements appended to a list, in the order of the commits', () => {
    const lists = fc.array(values, { maxLength: 4 });
    fc.assert(
      fc.property(lists, lists, lists, (base, theirs, mine) => {
        expect(merged([...base, ...theirs], [...base, ...mine], base)).toEqual([...base, ...theirs, ...mine]);
        expect(merged({ deep: [...base, ...theirs] }, { deep: [...base, ...mine] }, { deep: base })).toEqual({
          deep: [...base, ...theirs, ...mine],
        });
      }),
      { numRuns },
    );
  });

  it('has the elements that one node appended behind the list as the other node changed it', () => {
    const lists = fc.array(values, { maxLength: 4 });
    const added = fc.array(values, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(lists, lists, added, (base, other, more) => {
        fc.pre(!other.slice(0, base.length).every((value, at) => isDeepStrictEqual(value, base[at])));
        expect(merged(other, [...base, ...more], base)).toEqual([...other, ...more]);
        expect(merged([...base, ...more], other, base)).toEqual([...other, ...more]);
      }),
      { numRuns },
    );
  });

  it('has the changes of both nodes to different keys, in either order', () => {
    const objects = fc.dictionary(fc.constantFrom('a', 'b', 'c'), values);
    const others = fc.dictionary(fc.constantFrom('x', 'y', 'constructor', '__proto__'), values);
    fc.assert(
      fc.property(objects, others, objects, others, (base, otherBase, own, other) => {
        const both = { ...base, ...otherBase };
        const mine = { ...own, ...otherBase };
        const theirs = { ...base, ...other };
        expect(merged(theirs, mine, both)).toEqual({ ...own, ...other });
        expect(merged(mine, theirs, both)).toEqual({ ...own, ...other });
      }),
      { numRuns },
    );
  });

  it('takes the later change if both nodes have changed the same value', () => {
    const primitives = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
    fc.assert(
      fc.property(primitives, primitives, primitives, (base, theirs, mine) => {
        expect(merged({ key: theirs }, { key: mine }, { key: base })).toEqual({ key: mine === base ? theirs : mine });
      }),
      { numRuns },
    );
  });

  it('is merged as text, even if it is cyclic or a merge function throws', () => {
    const circle = (n: number) => {
      const value: Record<string, unknown> = { n };
      value.self = value;
      return codec.encode(value);
    };
    const text = mergeInto(circle(1), circle(2), circle(0), undefined, codec);
    expect((codec.decode(text) as { n: number }).n).toBe(2);
    const failing = () => {
      throw new Error('no');
    };
    expect(mergeInto('j1', 'j2', 'j0', failing, codec)).toBe('j2');
    expect(mergeInto(undefined, 'j2', 'j0', undefined, codec)).toBe('j2');
  });
});
