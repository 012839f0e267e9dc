import { describe, expect, it } from 'vitest';
import { Values } from '../../../src/distributed/journal/values.js';
import { DefaultSerializer } from '../../../src/flow/index.js';
import type { Source } from '../../../src/flow/run/changes.js';
import { Codec } from '../../../src/shared/codec.js';
import fc from '../../properties.js';

const codec = new Codec(new DefaultSerializer());
const textsOf = (source: Source) =>
  Object.fromEntries([...source.keys()].map((key) => [key, source.find(key)?.text]).sort());

describe('the values of a run', () => {
  it('stay for each view as they were when it was opened, whatever is set and closed in between', () => {
    const steps = fc.oneof(
      fc.record({
        key: fc.constantFrom('a', 'b', 'c'),
        text: fc.option(fc.string({ maxLength: 2 }), { nil: undefined }),
      }),
      fc.constant('open' as const),
      fc.nat(5),
    );
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 60 }), (all) => {
        const values = new Values();
        const latest = new Map<string, string>();
        const views: { source: Source; expected: object }[] = [];
        let seq = 0;
        for (const step of all) {
          const now = () => Object.fromEntries([...latest].sort());
          if (step === 'open') views.push({ source: values.asOf(seq, codec), expected: now() });
          else if (typeof step === 'number') views.splice(step, 1)[0]?.source.close?.();
          else {
            values.set(step.key, step.text, ++seq);
            if (step.text === undefined) latest.delete(step.key);
            else latest.set(step.key, step.text);
          }
          expect(Object.fromEntries([...values.entries()].sort())).toEqual(now());
          for (const { source, expected } of views) expect(textsOf(source)).toEqual(expected);
        }
      }),
    );
  });

  it('are stored at most once per view and key while a long view is open beside a loop', () => {
    const values = new Values();
    const large = (n: number) => Buffer.alloc(100_000, `${n} `).toString('latin1');
    values.set('a', large(0), 1);
    const long = values.asOf(1, codec);
    const before = memory();
    for (let turn = 2; turn < 2_002; turn++) {
      // Each turn is a node with its own view.
      const turned = values.asOf(turn, codec);
      values.set('a', large(turn), turn);
      turned.close?.();
    }
    expect(memory() - before).toBeLessThan(40 * 2 ** 20);
    expect(long.find('a')?.text).toBe(large(0));
    long.close?.();
    expect(values.get('a')).toBe(large(2_001));
  });
});

function memory(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
