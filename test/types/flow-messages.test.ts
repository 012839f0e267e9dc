import { expect, it } from 'vitest';
import { errorsIn } from './compiling.js';

const head = [
  "import { Flow, withAction } from 'orchestrator/flow';",
  "const flow = new Flow('f').node('fetch', () => ({ total: 1 })).node('check', () => withAction('ok', 1));",
  "flow.node('text', (text: string) => text)",
];

it('name the node and both types in one line, at the function', () => {
  const errors = errorsIn([
    ...head,
    "flow.node('sum', (order: { total: string }) => order.total, { after: 'fetch' });",
    "flow.batch('each', (item: number) => item, { after: 'fetch' });",
  ]);
  expect(errors).toEqual([
    {
      line: 4,
      code: '(order: { total: string }) => order.total',
      message: [
        "Argument of type '(order: { total: string; }) => string' is not assignable to parameter of type " +
          '\'{ node: "sum"; takes: { total: string; }; gets: { total: number; }; }\'.',
      ],
    },
    {
      line: 5,
      code: '(item: number) => item',
      message: [
        "Argument of type '(item: number) => number' is not assignable to parameter of type " +
          '\'{ node: "each"; takes: "an array"; gets: { total: number; }; }\'.',
      ],
    },
  ]);
});

it('name the node and both types at the target of an edge', () => {
  const [error, ...more] = errorsIn([...head, ".edge('fetch', 'text');"]);
  expect(more).toEqual([]);
  expect(error).toMatchObject({ line: 4, code: "'text'" });
  expect(error?.message).toEqual([
    expect.stringContaining(
      'is not assignable to parameter of type \'{ node: "text"; takes: string; gets: { total: number; }; }\'.',
    ),
  ]);
});

it('name an unknown node and an unknown action where they are written', () => {
  const errors = errorsIn([
    ...head,
    "flow.node('a', () => 1, { after: 'fecth' });",
    "flow.node('b', () => 1, { after: { check: 'okk' } });",
    "flow.edge('check', 'fetch', { action: 'okk' });",
  ]);
  expect(errors.map(({ line, code, message: [first = ''] }) => [line, code, first.slice(0, 40)])).toEqual([
    [4, 'after', expect.stringContaining('Type \'"fecth"\' is not assignable')],
    [5, 'after', expect.stringContaining('Type \'{ check: "okk"; }\' is not')],
    [6, 'action', expect.stringContaining('Type \'"okk"\' is not assignable')],
  ]);
});
