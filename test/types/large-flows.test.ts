import { describe, expect, it } from 'vitest';
import { compile } from './compiling.js';

const count = 200;
const numbers = Array.from({ length: count - 1 }, (_, index) => index + 1);
const first = ".node('s0', () => ({ n0: 1 }))";
const node = (id: number, options = '') => `.node('s${id}', (input) => ({ n${id}: 1, input: typeof input })${options})`;

/** Groups of five: a choice, its two branches, a join of both, and a node that may lead back. */
const groups = numbers
  .filter((id) => id % 5 === 1 && id + 5 <= count)
  .map((id) => ({
    nodes: [
      `.node('s${id}', (input) => withAction(input === undefined ? 'left' : 'right', { n${id}: 1 }), { after: 's${id - 1}' })`,
      `.node('s${id + 1}', ({ n${id} }) => n${id}, { after: { s${id}: 'left' } })`,
      `.node('s${id + 2}', ({ n${id} }) => String(n${id}), { after: { s${id}: 'right' } })`,
      `.node('s${id + 3}', ({ s${id + 1}, s${id + 2} }) => [s${id + 1}, s${id + 2}] as const, { after: ['s${id + 1}', 's${id + 2}'] })`,
      `.node('s${id + 4}', ([one]) => withAction(one === 1 ? 'again' : 'on', { n${id + 4}: 1 }), { after: 's${id + 3}' })`,
    ],
    edge: `.edge('s${id + 4}', 's${id}', { action: 'again' })`,
  }));

const flows = {
  'a chain by after': [first, ...numbers.map((id) => node(id, `, { after: 's${id - 1}' }`))],
  'a chain of joins': [
    first,
    node(1),
    ...numbers.slice(1).map((id) => node(id, `, { after: ['s${id - 1}', 's${id - 2}'] }`)),
  ],
  'choices, joins and loops': [first, ...groups.flatMap(({ nodes }) => nodes), ...groups.map(({ edge }) => edge)],
  'a chain by edge': [first, ...numbers.map((id) => node(id)), ...numbers.map((id) => `.edge('s${id - 1}', 's${id}')`)],
};

function linesOf(calls: readonly string[]): string[] {
  return [
    "import { Flow, withAction } from 'orchestrator/flow';",
    'void withAction;',
    "const flow = new Flow<{ limit: number }>('large')",
    ...calls,
    ';',
    'const result = await flow.run();',
    "if (result.status === 'completed') console.log(result.output, result.context.limit);",
  ];
}

describe('a flow of 200 nodes', () => {
  it.each(Object.entries(flows))('compiles, and is cheap to check: %s', (_, calls) => {
    const { instantiations: empty } = compile(linesOf([]));
    const { errors, instantiations } = compile(linesOf(calls));
    expect(errors).toEqual([]);
    expect(instantiations - empty).toBeLessThan(1_200_000);
  });
});

it('still types the end of a large flow', () => {
  const { errors } = compile([
    ...linesOf(flows['a chain by after']),
    `if (result.status === 'completed') { const { n199 } = result.output; n199.toFixed(); result.context.s1.n2; }`,
  ]);
  expect(errors.map(({ code }) => code)).toEqual(['n2']);
});
