import { type Evaluator, ExpressionError, Flow, FlowRuntime, GraphBuilder, withAction } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { CelEvaluator } from '../../src/flow/execution/expression.js';
import fc from '../properties.js';
import { rejection } from '../support.js';

const evaluator = new CelEvaluator();

function evaluate(expression: string, output: unknown = {}, context: object = {}): unknown {
  return evaluator.parse(expression)({ output, action: 'go', result: { output, action: 'go' }, context });
}

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error, but there was none');
}

const order = {
  id: 'A-1',
  total: 120,
  rate: 1.5,
  paid: true,
  nothing: null,
  missingOnPurpose: undefined,
  'first-name': 'Ada',
  items: [1, 2, 3],
  lines: [
    { price: 2, count: 3 },
    { price: 5, count: 1 },
  ],
  customer: { address: { city: 'Delft' } },
  since: new Date('2024-02-29T12:00:00Z'),
  big: 5n,
  labels: new Map([['colour', 'red']]),
  marks: new Set([1, 2]),
};

describe('an expression', () => {
  it.each([
    ['output.total', 120],
    ['output.customer.address.city', 'Delft'],
    ['output["first-name"]', 'Ada'],
    ['output.items[0]', 1],
    ['output.lines[1].price', 5],
    ['output.items[output.items[0]]', 2],
    ['output.labels.colour', 'red'],
    ['action', 'go'],
    ['result.action', 'go'],
    ['result.output.total', 120],
    ['context.user.name', 'Bob'],
  ])('reads the path %s', (expression, expected) => {
    expect(evaluate(expression, order, { user: { name: 'Bob' } })).toBe(expected);
  });

  it.each([
    ['output.total == 120', true],
    ['output.total != 120', false],
    ['output.total > 119', true],
    ['output.total >= 120 && output.total <= 120', true],
    ['output.total < 1 || output.paid', true],
    ['!output.paid', false],
    ['output.rate == 1.5', true],
    ['output.rate > 1', true],
    ['1 < 1.5', true],
    ['1 == 1.0', true],
    ['size(output.items) == 3.0', true],
    ['size(output.items) > 2.5', true],
    ['size(output.items) == output.items[2]', true],
    ['output.id == "A-1" && output.id < "B"', true],
    ['output.id == 1', false],
    ['2 in output.items', true],
    ['output.total in output.items', false],
    ['2 in output.marks', true],
    ['"colour" in output.labels', true],
    ['output.big == 5', true],
    ['output.id.startsWith("A") && output.id.contains("-") && output.id.endsWith("1")', true],
    ['output.items.all(item, item > 0)', true],
    ['output.items.exists(item, item == output.items[2])', true],
    ['output.lines.exists_one(line, line.price > 4)', true],
  ])('compares: %s is %s', (expression, expected) => {
    expect(evaluate(expression, order)).toBe(expected);
  });

  it.each([
    ['output.total + 1', 121],
    ['1 + output.total', 121],
    ['output.total * 2 - 40', 200],
    ['output.total / 7', 120 / 7],
    ['output.total % 7', 1],
    ['output.rate * 2', 3],
    ['output.rate + 1', 2.5],
    ['-output.total', -120],
    ['-3', -3],
    ['2 + 3', 5],
    ['7 % 2', 1],
    ['0.1 + 0.2', 0.1 + 0.2],
    ['output.total + output.rate', 121.5],
    ['output.big + 1', 6],
    ['size(output.items) + 1', 4],
    ['output.items.size() * output.rate', 4.5],
    ['output.lines[0].price * output.lines[0].count', 6],
    ['output.paid ? 1 : 2', 1],
    ['output.paid ? output.total : 2', 120],
    ['"n: " + string(output.total)', 'n: 120'],
    ['int(output.rate)', 1],
  ])('computes: %s is %s, a number as everywhere in JavaScript', (expression, expected) => {
    expect(evaluate(expression, order)).toBe(expected);
  });

  it.each([
    ['7 / 2', 3.5],
    ['size(output.items) / 2', 1.5],
  ])('divides whole numbers as JavaScript does: %s is %s', (expression, expected) => {
    expect(evaluate(expression, order)).toBe(expected);
  });

  it.each([
    ['[output.total, 1]', [120, 1]],
    ['{"total": output.total, "one": 1, "size": size(output.items)}', { total: 120, one: 1, size: 3 }],
    ['{"a": {"b": [1, 2]}}', { a: { b: [1, 2] } }],
    ['output.items.map(item, item * 2)', [2, 4, 6]],
    ['output.items.filter(item, item > 1)', [2, 3]],
    ['output.items.map(item, 1)', [1, 1, 1]],
    ['output.items.map(item, {"item": item, "one": 1})', [1, 2, 3].map((item) => ({ item, one: 1 }))],
    ['output.items.map(item, size(output.items))', [3, 3, 3]],
    ['output.items + [4]', [1, 2, 3, 4]],
    ['[1] + [2]', [1, 2]],
    ['[1, 2][0]', 1],
    ['output.paid ? [1, 2] : []', [1, 2]],
    ['output.paid ? {"one": 1} : {}', { one: 1 }],
    ['{"list": [1, 2]}["list"]', [1, 2]],
  ])('gives numbers inside of what it makes too: %s', (expression, expected) => {
    expect(evaluate(expression, order)).toEqual(expected);
  });

  it.each([
    ['output.items[output.total - 118]', 3],
    ['output.items[size(output.items) - 1]', 3],
    ['output.items[1 + 1]', 3],
    ['[[1, 2], [3, 4]][1][0]', 3],
    ['output.lines[output.items[0] - 1].price', 2],
    ['{"a": [1, 2, 3]}.a[2]', 3],
    ['"a1b22" + "3"', 'a1b223'],
    ['"1 + 1"', '1 + 1'],
    ['string(3)', '3'],
    ['string(size(output.items))', '3'],
    ['"n" + string(1 + 1)', 'n2'],
    ['0x10 + 1', 17],
    ['1e3 + 1', 1001],
    ['- 3 - -3', 0],
    ['-(1 + 2) * -2', 6],
    ['2 + 3 * 4 - 6 / 4', 12.5],
    ['int("7") + 1', 8],
    ['int(7.9)', 7],
    ['double("1.5") * 2', 3],
    ['size("text") * 2', 8],
    ['"text".size() / 8', 0.5],
    ['size(output.items) == 3 && size(output.items) != 4', true],
    ['size(output.items.filter(item, item % 2 == 1)) / 4', 0.5],
    ['output.items.map(item, output.items[0])', [1, 1, 1]],
    ['output.items.map(item, item / 2)', [0.5, 1, 1.5]],
    ['output.lines.filter(line, line.count > 1)[0].price', 2],
    ['output.lines.map(line, line.price * line.count)[1] + 1', 6],
    ['output.items.exists(size, size == 3)', true],
    ['3 in [1, 2, 3] && !(4 in [1, 2, 3])', true],
    ['size(output.items) in [3]', true],
    ['{"1": 2}["1"]', 2],
    ['timestamp("2024-02-29T00:00:00Z").getFullYear() - 1', 2023],
    ['output.since.getFullYear() / 1000', 2.024],
    ['has(output.total) ? size(output.items) / 2 : 0', 1.5],
    ['6 / ((output.total > 0 ? 1 : 2) + 1)', 3],
    ['6 / ((output.items[0]) + (output.items[1]))', 2],
    ['6 / (size(")(") + (1))', 2],
    ['(output.items + output.items).size() / 4', 1.5],
    ['[1, 2] == [1, 2]', true],
    ['output.items == [1, 2, 3]', true],
    ['{"a": 1} == {"a": 1}', true],
    ['output.lines[0] == {"price": 2, "count": 3}', true],
  ])('takes whole numbers and others for the same, wherever they stand: %s', (expression, expected) => {
    expect(evaluate(expression, order)).toEqual(expected);
  });

  it('computes what JavaScript computes', () => {
    interface Term {
      readonly text: string;
      readonly value: number;
    }
    const data = { n: 7, f: 2.5, list: [3, 1, 2], deep: { zero: 0 } };
    const leaves: readonly Term[] = [
      { text: 'output.n', value: 7 },
      { text: 'output.f', value: 2.5 },
      { text: 'output.list[1]', value: 1 },
      { text: 'output.deep.zero', value: 0 },
      { text: 'size(output.list)', value: 3 },
      { text: 'output.list.size()', value: 3 },
    ];
    const operations: Record<string, (one: number, other: number) => number> = {
      '+': (one, other) => one + other,
      '-': (one, other) => one - other,
      '*': (one, other) => one * other,
      '/': (one, other) => one / other,
      '%': (one, other) => one % other,
    };
    const comparisons: Record<string, (one: number, other: number) => boolean> = {
      '<': (one, other) => one < other,
      '<=': (one, other) => one <= other,
      '==': (one, other) => one === other,
      '!=': (one, other) => one !== other,
    };
    const literal = fc.oneof(
      fc.nat(1_000_000).map((value) => ({ text: String(value), value })),
      fc.nat(1_000).map((value) => ({ text: `${value / 8}`, value: value / 8 })),
    );
    const { term } = fc.letrec<{ term: Term; binary: Term; choice: Term; negative: Term }>((tie) => ({
      term: fc.oneof(
        { depthSize: 'small' },
        literal,
        fc.constantFrom(...leaves),
        tie('binary'),
        tie('choice'),
        tie('negative'),
      ),
      binary: fc
        .tuple(tie('term'), fc.constantFrom(...Object.keys(operations)), tie('term'))
        .map(([one, sign, right]) => {
          // A division by zero is an error in CEL.
          const other = right.value === 0 && (sign === '/' || sign === '%') ? { text: '1', value: 1 } : right;
          return {
            text: `(${one.text} ${sign} ${other.text})`,
            value: (operations[sign] as (one: number, other: number) => number)(one.value, other.value),
          };
        }),
      choice: fc
        .tuple(tie('term'), fc.constantFrom(...Object.keys(comparisons)), tie('term'), tie('term'), tie('term'))
        .map(([one, sign, other, yes, no]) => ({
          text: `(${one.text} ${sign} ${other.text} ? ${yes.text} : ${no.text})`,
          value: comparisons[sign]?.(one.value, other.value) ? yes.value : no.value,
        })),
      negative: tie('term').map(({ text, value }) => ({ text: `-(${text})`, value: -value })),
    }));
    fc.assert(
      fc.property(term, ({ text, value }) => {
        fc.pre(text.length < 1_000);
        // 0 and -0 count as equal.
        expect(Number(evaluate(text, data)) + 0, text).toBe(value + 0);
        expect(evaluate(`[${text}]`, data)).toEqual([expect.any(Number)]);
      }),
      { numRuns: 300 },
    );
  });

  it('passes data on unchanged', () => {
    const output = { big: 9_007_199_254_740_993n, since: new Date(0), map: new Map([[1, 2]]), list: [{}] };
    expect(evaluate('output', output)).toBe(output);
    expect(evaluate('output.big', output)).toBe(9_007_199_254_740_993n);
    expect(evaluate('output.since', output)).toBe(output.since);
    expect(evaluate('output.map', output)).toBe(output.map);
    expect(evaluate('output.list[0]', output)).toBe(output.list[0]);
  });

  it.each([
    'output.missing',
    'output.missing == null',
    'output.missing == "x"',
    '!output.missing',
    'output.missing && true',
    'output.customer.street.number',
    'output.items[3]',
    'output.items[-1]',
    'output.labels.size',
    'output.missingOnPurpose',
    'context.missing > 1',
    'elsewhere == 1',
  ])('does not take what is missing for something false: %s', (expression) => {
    expect(thrown(() => evaluate(expression, order))).toMatchObject({
      name: 'ExpressionError',
      code: 'ERR_EXPRESSION',
      expression,
    });
  });

  it.each([
    ['has(output.total)', true],
    ['has(output.missing)', false],
    ['has(output.missingOnPurpose)', false],
    ['has(output.nothing)', true],
    ['has(output.customer.street)', false],
    ['has(output.missing) && output.missing > 1', false],
    ['has(output.total) && output.total > 1', true],
    ['has(output.constructor)', false],
  ])('can ask what there is: %s is %s', (expression, expected) => {
    expect(evaluate(expression, order)).toBe(expected);
  });

  it('sees null values, and null if there is no output', () => {
    expect(evaluate('output.nothing == null', order)).toBe(true);
    expect(evaluate('output.total == null', order)).toBe(false);
    expect(evaluate('output == null', null)).toBe(true);
  });

  it('compares dates with timestamps', () => {
    expect(evaluate('output.since > timestamp("2024-02-28T00:00:00Z")', order)).toBe(true);
    expect(evaluate('output.since < timestamp("2024-02-28T00:00:00Z")', order)).toBe(false);
    expect(evaluate('output.since == context.since', order, { since: new Date(order.since) })).toBe(true);
    expect(evaluate('output.since.getFullYear()', order)).toBe(2024);
  });

  it.each(['output.total > "a"', 'output.id + 1', 'output.paid + 1', 'output.total && true', 'output.id ? 1 : 2'])(
    'does not convert silently: %s',
    (expression) => {
      expect(thrown(() => evaluate(expression, order))).toBeInstanceOf(ExpressionError);
    },
  );

  it.each(['', ' ', '(', '1 +', 'output.', 'a b', 'output = 1', 'output; output', '() => 1', 'new Date()'])(
    'that is none is refused when it is parsed: %j',
    (expression) => {
      expect(thrown(() => evaluator.parse(expression))).toMatchObject({
        name: 'ExpressionError',
        expression,
        message: expect.stringContaining('cannot be parsed'),
      });
    },
  );

  it('sees no inherited properties, functions or class instances', () => {
    class Secret {
      readonly key = 'k';
      get shown() {
        return this.key;
      }
    }
    const output = { list: [1], text: 'x', act: () => 1, secret: new Secret(), inherited: Object.create({ key: 'k' }) };
    const attempts = [
      'output.constructor',
      'output["constructor"]',
      'output["con" + "structor"]',
      'output["__proto__"]',
      'output.toString',
      'output.hasOwnProperty',
      'output.list.constructor',
      'output.list.length',
      'output.list["map"]',
      'output.text.length',
      'output.text.constructor',
      'output.act',
      'output.act()',
      'output.act.constructor',
      'output.secret',
      'output.secret.key',
      'output.secret.shown',
      'output.inherited.key',
      'context.constructor.constructor',
    ];
    for (const attempt of attempts) {
      expect(
        thrown(() => evaluate(attempt, output)),
        attempt,
      ).toBeInstanceOf(ExpressionError);
    }
  });

  it('cannot make objects with another prototype', () => {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      let made: unknown;
      try {
        made = evaluate(`{"${key}": {"admin": true}}`);
      } catch (error) {
        expect(error).toBeInstanceOf(ExpressionError);
        continue;
      }
      expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
      expect(made).not.toHaveProperty('admin');
    }
    expect({}).not.toHaveProperty('admin');
  });

  it('is evaluated anew each time, even while others are evaluated', () => {
    const total = evaluator.parse('output.total + 1');
    expect([1, 2, 3].map((value) => total({ output: { total: value } }))).toEqual([2, 3, 4]);
    expect(evaluator.parse('output.total + 1')({ output: { total: 9 } })).toBe(10);
  });
});

/** A flow of two nodes, with the given options on the edge between them. */
function pair(edge: object, output: unknown, registry: object = {}) {
  return new GraphBuilder({ give: () => output, take: (input: unknown) => input, ...registry }).build({
    id: 'pair',
    nodes: [
      { id: 'a', uses: 'give' },
      { id: 'b', uses: 'take' },
    ],
    edges: [{ source: 'a', target: 'b', ...edge }],
  });
}

describe('a condition', () => {
  it('that is true is followed, and one that is false skips', async () => {
    const followed = await pair({ condition: 'output.total > 100' }, order).run();
    expect(followed).toMatchObject({ status: 'completed', completed: ['a', 'b'], skipped: [] });
    const skipped = await pair({ condition: 'output.total > 200' }, order).run();
    expect(skipped).toMatchObject({ status: 'completed', completed: ['a'], skipped: ['b'], errors: [] });
  });

  it('that cannot be evaluated fails its node, and skips nothing', async () => {
    const result = await pair({ condition: 'output.missing > 200' }, order).run();
    expect(result).toMatchObject({ status: 'failed', completed: [], skipped: [] });
    expect(result.errors).toEqual([
      expect.objectContaining({
        name: 'NodeError',
        nodeId: 'a',
        cause: expect.objectContaining({ name: 'ExpressionError', expression: 'output.missing > 200' }),
      }),
    ]);
    expect(result.unreached).toEqual([{ nodeId: 'b', reason: 'it waits for "a", which failed' }]);
  });

  it.each([
    ['output.total', order],
    ['output.id', order],
    ['output.nothing', order],
    ['output.items', order],
    ['1', order],
    ['0', order],
    ['""', order],
    ['null', order],
  ])('that is no boolean fails its node: %s', async (condition, output) => {
    const result = await pair({ condition }, output).run();
    expect(result).toMatchObject({ status: 'failed', completed: [], skipped: [] });
    expect(result.errors[0]?.cause).toBeInstanceOf(ExpressionError);
    expect(result.errors[0]?.message).toContain('the edge from "a" to "b" must return a boolean');
  });

  it.each([undefined, null, 0, 1, '', 'yes', {}])('of a function has to be a boolean too: %j', async (verdict) => {
    for (const condition of [() => verdict, async () => verdict]) {
      const flow = new Flow('pair')
        .node('a', () => 1)
        .node('b', () => 2)
        .edge('a', 'b', { condition: condition as () => boolean });
      const result = await flow.run();
      expect(result).toMatchObject({ status: 'failed', completed: [], skipped: [] });
      expect(result.errors[0]).toMatchObject({ nodeId: 'a', cause: { name: 'ExpressionError' } });
    }
  });

  it('that throws fails its node with what was thrown', async () => {
    const error = new RangeError('no');
    const throws = (): boolean => {
      throw error;
    };
    for (const condition of [throws, () => Promise.reject(error)]) {
      const flow = new Flow('pair')
        .node('a', () => 1)
        .node('b', () => 2)
        .edge('a', 'b', { condition });
      const { errors } = await flow.run();
      expect(errors).toMatchObject([{ nodeId: 'a' }]);
      expect(errors[0]?.cause).toBe(error);
    }
  });

  it('is not evaluated if the action has chosen other edges', async () => {
    const flow = new Flow('choice')
      .node('a', (total: number) => total)
      .node('b', () => 'b')
      .node('c', () => 'c')
      .edge('a', 'b', { action: 'never', condition: 'output.missing' })
      .edge('a', 'c');
    expect(await flow.run({}, { input: 1 })).toMatchObject({ status: 'completed', skipped: ['b'] });
  });

  it('sees output, action, result and context', async () => {
    const condition =
      'output.total == 1 && action == "go" && result.output.total == 1 && result.action == "go" && context.limit == 2';
    const result = await pair({ condition }, withAction('go', { total: 1 })).run({ limit: 2 });
    expect(result).toMatchObject({ status: 'completed', completed: ['a', 'b'] });
  });

  it('sees null if there is no output and no action', async () => {
    const result = await pair({ condition: 'output == null && action == null' }, undefined).run();
    expect(result).toMatchObject({ status: 'completed', completed: ['a', 'b'] });
  });

  it('can be the name of a registered function', async () => {
    const seen: unknown[] = [];
    const isLarge = (output: { total: number }, more: object) => {
      seen.push({ output, ...more });
      return output.total > 100;
    };
    const result = await pair({ condition: 'is large' }, { total: 101 }, { 'is large': isLarge }).run({ user: 'Ada' });
    expect(result.completed).toEqual(['a', 'b']);
    expect(seen).toMatchObject([{ output: { total: 101 }, action: undefined, context: { user: 'Ada' } }]);
  });

  it('can be asynchronous', async () => {
    const later = async (output: boolean) => output;
    expect((await pair({ condition: 'later' }, true, { later }).run()).completed).toEqual(['a', 'b']);
    expect((await pair({ condition: 'later' }, false, { later }).run()).skipped).toEqual(['b']);
  });

  it('does not mistake a property of every object for a registered function', () => {
    expect(thrown(() => pair({ condition: 'hasOwnProperty("a")' }, {}))).toMatchObject({ name: 'BlueprintError' });
    expect(thrown(() => pair({ condition: 'toString' }, {}))).toMatchObject({ name: 'BlueprintError' });
  });
});

describe('a transform', () => {
  it.each([
    ['output.items', [1, 2, 3]],
    ['output.total * 2', 240],
    ['size(output.items)', 3],
    ['{"city": output.customer.address.city, "count": size(output.items)}', { city: 'Delft', count: 3 }],
    ['output.items.map(item, item + 1)', [2, 3, 4]],
    ['context.user', 'Ada'],
  ])('as an expression gives the target its input: %s', async (transform, expected) => {
    const { output, context } = await pair({ transform }, order).run({ user: 'Ada' });
    expect(output).toEqual(expected);
    expect(context.a).toBe(order);
  });

  it('can be the name of a registered function, which may be asynchronous', async () => {
    const double = async (output: number, { context }: { context: { factor: number } }) => output * context.factor;
    expect((await pair({ transform: 'double' }, 4, { double }).run({ factor: 2 })).output).toBe(8);
  });

  it('that cannot be evaluated fails the source', async () => {
    const result = await pair({ transform: 'output.missing' }, order).run();
    expect(result).toMatchObject({ status: 'failed', completed: [], skipped: [] });
    expect(result.errors[0]).toMatchObject({ nodeId: 'a', cause: { name: 'ExpressionError' } });
  });

  it('is not evaluated if the edge is not followed', async () => {
    const result = await pair({ condition: 'false', transform: 'output.missing' }, order).run();
    expect(result).toMatchObject({ status: 'completed', skipped: ['b'] });
  });
});

describe('an input', () => {
  const flow = (inputs: string | Record<string, string>) =>
    new GraphBuilder({ give: () => order, take: (input: unknown) => input }).build({
      id: 'inputs',
      nodes: [
        { id: 'a', uses: 'give' },
        { id: 'b', uses: 'take', inputs, params: { limit: 7 } },
      ],
      edges: [{ source: 'a', target: 'b' }],
    });

  it.each([
    ['a.customer.address.city', 'Delft'],
    ['a.items.1', 2],
    ['a.missing.path', undefined],
    ['a.constructor', undefined],
    ['user', 'Ada'],
    ['context.a.total + 1', 121],
    ['params.limit * 2', 14],
    ['{"total": context.a.total, "limit": params.limit}', { total: 120, limit: 7 }],
  ])('comes from a path or an expression: %s', async (inputs, expected) => {
    expect((await flow(inputs).run({ user: 'Ada' })).output).toEqual(expected);
  });

  it('can be an object of expressions', async () => {
    const { output } = await flow({ city: 'a.customer.address.city', more: 'context.a.total > 100' }).run();
    expect(output).toEqual({ city: 'Delft', more: true });
  });

  it('that cannot be evaluated fails its node', async () => {
    const result = await flow('context.missing + 1').run();
    expect(result).toMatchObject({ status: 'failed', completed: ['a'] });
    expect(result.errors[0]).toMatchObject({ nodeId: 'b', cause: { name: 'ExpressionError' } });
  });
});

describe('an evaluator of the user', () => {
  const seen: object[] = [];
  const words: Evaluator = {
    parse(expression) {
      const [word, path] = expression.split(' ');
      if (word !== 'given' && word !== 'not') throw new ExpressionError(expression, 'must begin with given or not');
      return (scope) => {
        seen.push(scope);
        const value = (scope.output as Record<string, unknown>)[String(path)];
        return word === 'given' ? value !== undefined : value === undefined;
      };
    },
  };
  const registry = { give: () => ({ total: 1 }), take: () => 'taken' };
  const graph = (condition: string) => ({
    id: 'words',
    nodes: [
      { id: 'a', uses: 'give' },
      { id: 'b', uses: 'take' },
    ],
    edges: [{ source: 'a', target: 'b', condition }],
  });

  it('parses the expressions instead', async () => {
    const runtime = new FlowRuntime({ registry, evaluator: words });
    expect((await runtime.run(graph('given total'), { user: 'Ada' })).completed).toEqual(['a', 'b']);
    expect((await runtime.run(graph('not total'))).skipped).toEqual(['b']);
    expect(seen[0]).toMatchObject({
      output: { total: 1 },
      action: null,
      result: { output: { total: 1 }, action: null },
      context: { user: 'Ada' },
    });
  });

  it('reports faults before anything runs', async () => {
    const runtime = new FlowRuntime({ registry, evaluator: words });
    expect(await rejection(runtime.run(graph('output.total > 1')))).toMatchObject({
      name: 'BlueprintError',
      faults: [{ nodeId: 'a', message: expect.stringContaining('must begin with given or not') }],
    });
  });

  it('can check what a builder builds', () => {
    const builder = new GraphBuilder(registry, { evaluator: words });
    expect(builder.build(graph('given total')).toBlueprint().edges[0]?.condition).toBe('given total');
    expect(thrown(() => new GraphBuilder(registry).build(graph('given total')))).toMatchObject({
      name: 'BlueprintError',
    });
  });
});
