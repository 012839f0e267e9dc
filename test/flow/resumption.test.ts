import { inspect } from 'node:util';
import { DistributedExecutor, DistributedWorker, memory } from 'orchestrator/distributed';
import { ExpressionError, Flow, FlowRuntime, ResumptionOrchestrator } from 'orchestrator/flow';
import { afterEach, describe, expect, it } from 'vitest';
import { CelEvaluator } from '../../src/flow/execution/expression.js';

describe('the resumption orchestrator, with what prepare gives', () => {
  const executed: string[] = [];
  const note = (_: unknown, { nodeId }: { nodeId: string }) => void executed.push(nodeId);
  const flow = new Flow('f')
    .node('a', note)
    .node('b', note)
    .node('c', note)
    .node('d', note)
    .edge('a', 'b')
    .edge('a', 'c')
    .edge('b', 'd')
    .edge('c', 'd');

  it.each([
    [[], ['a', 'b', 'c', 'd']],
    [['a'], ['b', 'c', 'd']],
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
    [['a', 'b', 'c'], ['d']],
    [['a', 'b', 'c', 'd'], []],
  ])('does not execute again what was named as completed: %j', async (completed, expected) => {
    executed.length = 0;
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(flow);
    for (const nodeId of completed) state.addCompletedNode(nodeId, nodeId);
    const result = await new ResumptionOrchestrator().run(traverser, executorFactory, state, services);
    expect(executed).toEqual(expected);
    expect(result).toMatchObject({ status: 'completed' });
  });
});

describe('expressions', () => {
  const evaluate = (text: string, output: unknown) => new CelEvaluator().parse(text)({ output });
  const list = Array.from({ length: 60_000 }, (_, index) => index);

  it.each([
    'size(output.list.filter(x, x in output.list)) > 0',
    'output.list[size(output.list.filter(x, x in output.list)) - 1] > 0',
    'string(output.list.filter(x, x in output.list)) != ""',
    'output.text.indexOf(string(output.list.map(x, x in output.list)[0])) > 0',
  ])('do not go through long lists at every element of one, wherever they are written: %s', (text) => {
    expect(() => evaluate(text, { list, text: 'a' })).toThrow(ExpressionError);
  });

  it.each([
    'output.n / 0 != 1',
    'output.n % 0 == 1',
    'output.n / (output.n - output.n) > 1',
    'size(output.list) / 0 > 1',
  ])('fail to divide by zero: %s', (text) => {
    expect(() => evaluate(text, { n: 3, list: [] })).toThrow('division by zero');
  });

  it('divide by all else', () => {
    expect(evaluate('output.n / 2', { n: 7 })).toBe(3.5);
    expect(evaluate('output.n % (1 + 3)', { n: 7 })).toBe(3);
    expect(evaluate('size(output.list.filter(x, x > 1)) / size(output.list)', { list: [1, 2] })).toBe(0.5);
  });

  it('are rounded beyond 2^53; BigInts overflow beyond 64 bits, but beside a number count as one', () => {
    const big = 2n ** 63n - 1n;
    expect(evaluate('output.n + 1', { n: 2 ** 53 })).toBe(2 ** 53);
    expect(evaluate('output.big + 1', { big })).toBe(2 ** 63);
    expect(evaluate('output.big - output.big', { big })).toBe(0n);
    for (const sum of ['output.big + output.big', 'output.big * output.big', 'output.big - -output.big']) {
      expect(() => evaluate(sum, { big })).toThrow('integer overflow');
    }
  });

  it('refuse whole numbers that have no exact value', () => {
    expect(() => new CelEvaluator().parse('output.n + 9223372036854775807 > 0')).toThrow('integer overflow');
  });
});

describe('a property of all objects', () => {
  afterEach(() => {
    delete (Object.prototype as { extra?: unknown }).extra;
  });

  it('changes nothing: flows are valid, here and on a fleet', async () => {
    Object.assign(Object.prototype, { extra: () => 1 });
    const flow = new Flow('f')
      .node('a', (_, { context }) => ({ n: context.n }))
      .node('b', (input) => input)
      .edge('a', 'b');
    expect(await flow.run({ n: 1 })).toMatchObject({ status: 'completed', output: { n: 1 } });
    const engine = memory();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await worker.start();
    const result = await flow.run({ n: 1 }, { executor: new DistributedExecutor(engine) });
    await worker.stop();
    expect(result).toMatchObject({ status: 'completed', output: { n: 1 } });
  });
});

it('the fault of a cycle names its nodes', () => {
  const flow = new Flow('f')
    .node('start', () => 1)
    .node('a', () => 1)
    .node('b', () => 1)
    .node('c', () => 1)
    .edge('start', 'a')
    .edge('a', 'b')
    .edge('b', 'c')
    .edge('c', 'a');
  expect(() => new FlowRuntime().validate(flow)).toThrow('the cycle through "a", "b" and "c" has no exit');
});

it('the context of a node on a fleet prints what it holds', async () => {
  const printed: string[] = [];
  const flow = new Flow('f').node('a', (_, { context }) => {
    printed.push(inspect(context), JSON.stringify(context), inspect(structuredClone({ ...context })));
    context.more = 2;
    printed.push(Object.keys(context).join());
  });
  const engine = memory();
  const worker = new DistributedWorker({ engine, workflows: [flow] });
  await worker.start();
  await flow.run({ n: 1, deep: { list: [1] } }, { executor: new DistributedExecutor(engine) });
  await worker.stop();
  const text = '{ n: 1, deep: { list: [ 1 ] } }';
  expect(printed).toEqual([text, '{"n":1,"deep":{"list":[1]}}', text, 'n,deep,more']);
});
