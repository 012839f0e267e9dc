import { Flow, type NodeArgs, UnknownActionError, type WorkflowResult, withAction } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred, settled } from '../support.js';

/** A node that records its execution. */
function noting(log: string[]) {
  return (_: unknown, { nodeId }: NodeArgs) => {
    log.push(nodeId);
    return nodeId;
  };
}

describe('a join of all', () => {
  it('is ready once every predecessor has completed, and runs once', async () => {
    const gates = [deferred(), deferred()] as const;
    const log: string[] = [];
    const pending = new Flow('all')
      .node('a', () => gates[0].promise)
      .node('b', () => gates[1].promise)
      .node('join', noting(log), { joinStrategy: 'all' })
      .edge('a', 'join')
      .edge('b', 'join')
      .run();
    gates[1].resolve();
    await settled();
    expect(log).toEqual([]);
    gates[0].resolve();
    expect((await pending).status).toBe('completed');
    expect(log).toEqual(['join']);
  });

  it('waits for predecessors at unequal depth', async () => {
    const log: string[] = [];
    const note = noting(log);
    const { output } = await new Flow('depth')
      .node('a', note)
      .node('b', note)
      .node('c', note)
      .node('join', (input) => Object.keys(input))
      .edge('a', 'join')
      .edge('a', 'b')
      .edge('b', 'c')
      .edge('c', 'join')
      .run();
    expect(output).toEqual(['a', 'c']);
    expect(log).toEqual(['a', 'b', 'c']);
  });

  it('counts several edges from one node as one predecessor', async () => {
    const log: string[] = [];
    const { status, output } = await new Flow('twice')
      .node('a', () => withAction('x' as string, { n: 1 }))
      .node('b', () => 2)
      .node('join', (input, args) => {
        noting(log)(input, args);
        return input;
      })
      .edge('a', 'join', { action: 'x' })
      .edge('a', 'join', { action: 'y' })
      .edge('a', 'join', { action: 'x', condition: 'output.n > 5' })
      .edge('b', 'join')
      .run();
    expect({ status, output, log }).toEqual({ status: 'completed', output: { a: { n: 1 }, b: 2 }, log: ['join'] });
  });

  it('is skipped where none of its edges was taken', async () => {
    const { status, skipped, completed } = await new Flow('none')
      .node('a', () => 1)
      .node('b', () => 2)
      .node('join', () => 3)
      .edge('a', 'join', { condition: 'output > 1' })
      .edge('b', 'join', { condition: 'output > 2' })
      .run();
    expect({ status, skipped, completed }).toEqual({ status: 'completed', skipped: ['join'], completed: ['a', 'b'] });
  });
});

describe('an exclusive branch', () => {
  const rejoining = (action: string, log: string[]) =>
    new Flow('branch')
      .node('choose', () => withAction(action, 0))
      .node('left', noting(log))
      .node('left 2', noting(log))
      .node('right', noting(log))
      .node('join', noting(log))
      .node('end', noting(log))
      .edge('choose', 'left', { action: 'left' })
      .edge('choose', 'right', { action: 'right' })
      .edge('left', 'left 2')
      .edge('left 2', 'join')
      .edge('right', 'join')
      .edge('join', 'end');

  it.each([
    ['left', ['left', 'left 2', 'join', 'end'], ['right']],
    ['right', ['right', 'join', 'end'], ['left', 'left 2']],
  ])('by the action %s that joins again runs the join once, and completes', async (action, executed, skipped) => {
    const log: string[] = [];
    const result = await rejoining(action, log).run();
    expect(result).toMatchObject({ status: 'completed', output: 'end', unreached: [] });
    expect(log).toEqual(executed);
    expect([...result.skipped].sort()).toEqual(skipped);
  });

  it('that is not taken is skipped to its end, however long it is', async () => {
    const log: string[] = [];
    let flow: Flow<Record<string, unknown>, never, string> = new Flow('long').node('a', () => 0) as never;
    flow.node('b0', noting(log)).edge('a', 'b0', { condition: () => false });
    for (let index = 1; index < 5_000; index++) {
      flow = flow.node(`b${index}`, noting(log)).edge(`b${index - 1}`, `b${index}`);
    }
    const result = (await flow.run()) as { status: string; skipped: readonly string[] };
    expect(result.status).toBe('completed');
    expect(result.skipped).toHaveLength(5_000);
    expect(log).toEqual([]);
  });

  it('lets a node go on that another branch leads to as well', async () => {
    const { completed, skipped } = await new Flow('partly')
      .node('a', () => 0)
      .node('b', () => 1)
      .node('only a', () => 2)
      .node('both', () => 3)
      .edge('a', 'only a', { action: 'y' })
      .edge('a', 'both', { action: 'y' })
      .edge('b', 'both')
      .run();
    expect({ completed: [...completed].sort(), skipped }).toEqual({
      completed: ['a', 'b', 'both'],
      skipped: ['only a'],
    });
  });
});

describe('a join of any', () => {
  it('runs for the first to arrive, and not again for the others', async () => {
    const gates = [deferred<string>(), deferred<string>()] as const;
    const inputs: unknown[] = [];
    const pending = new Flow('any')
      .node('a', () => gates[0].promise)
      .node('b', () => gates[1].promise)
      .node('join', (input) => inputs.push(input), { joinStrategy: 'any' })
      .node('end', () => 'end')
      .edge('a', 'join')
      .edge('b', 'join')
      .edge('join', 'end')
      .run();
    gates[1].resolve('B');
    await settled();
    expect(inputs).toEqual([{ b: 'B' }]);
    gates[0].resolve('A');
    expect(await pending).toMatchObject({ status: 'completed', output: 'end', context: { a: 'A', b: 'B' } });
    expect(inputs).toHaveLength(1);
  });

  it('runs once where its predecessors are at unequal depth, and so does what follows', async () => {
    const log: string[] = [];
    const note = noting(log);
    const { status } = await new Flow('depth')
      .node('a', note)
      .node('b', note)
      .node('c', note)
      .node('join', note, { joinStrategy: 'any' })
      .node('after', note)
      .edge('a', 'join')
      .edge('a', 'b')
      .edge('b', 'c')
      .edge('c', 'join')
      .edge('join', 'after')
      .run();
    expect(status).toBe('completed');
    expect(log.filter((id) => id === 'join' || id === 'after')).toEqual(['join', 'after']);
    expect([...log].sort()).toEqual(['a', 'after', 'b', 'c', 'join']);
  });

  it('waits for an edge that is taken: one that is not does not count', async () => {
    const gate = deferred();
    const log: string[] = [];
    const pending = new Flow('refused')
      .node('a', () => 1)
      .node('b', () => gate.promise)
      .node('join', noting(log), { joinStrategy: 'any' })
      .edge('a', 'join', { condition: () => false })
      .edge('b', 'join')
      .run();
    await settled();
    expect(log).toEqual([]);
    gate.resolve();
    expect((await pending).status).toBe('completed');
    expect(log).toEqual(['join']);
  });

  it('is skipped where none of its edges was taken', async () => {
    const { status, skipped } = await new Flow('none')
      .node('a', () => 1)
      .node('b', () => 2)
      .node('join', () => 3, { joinStrategy: 'any' })
      .node('after', () => 4)
      .edge('a', 'join', { condition: () => false })
      .edge('b', 'join', { action: 'never' })
      .edge('join', 'after')
      .run();
    expect({ status, skipped: [...skipped].sort() }).toEqual({ status: 'completed', skipped: ['after', 'join'] });
  });

  it('goes on where another predecessor has failed', async () => {
    const { status, completed, unreached } = await new Flow('failing')
      .node('a', () => Promise.reject(new Error('no')))
      .node('b', () => 2)
      .node('join', () => 3, { joinStrategy: 'any' })
      .edge('a', 'join')
      .edge('b', 'join')
      .run();
    expect({ status, completed, unreached }).toEqual({ status: 'failed', completed: ['b', 'join'], unreached: [] });
  });
});

describe('routing', () => {
  const byAction = (action: string | undefined) =>
    new Flow('action')
      .node('a', () => (action === undefined ? 0 : withAction(action, 0)))
      .node('x', () => 1)
      .node('x too', () => 1)
      .node('y', () => 1)
      .node('otherwise', () => 1)
      .edge('a', 'x', { action: 'x' })
      .edge('a', 'x too', { action: 'x' })
      .edge('a', 'y', { action: 'y' })
      .edge('a', 'otherwise');

  it.each([
    ['x', ['x', 'x too']],
    ['y', ['y']],
    ['z', ['otherwise']],
    [undefined, ['otherwise']],
  ])('by the action %s follows its edges, or those without one where it has none', async (action, followed) => {
    const { completed, skipped, status } = await byAction(action).run();
    expect(completed).toEqual(['a', ...followed]);
    expect(skipped).toHaveLength(4 - followed.length);
    expect(status).toBe('completed');
  });

  it('fails a node whose action no edge has, where every edge has one, and names those that there are', async () => {
    const { completed, skipped, status, output, errors, unreached, context } = await new Flow('nothing')
      .node('a', () => withAction(String('z'), 7))
      .node('x', () => 1)
      .node('y', () => 2)
      .edge('a', 'x', { action: 'x' })
      .edge('a', 'y', { action: 'y' })
      .edge('a', 'y', { action: 'x' })
      .run();
    expect({ completed, skipped, status, output, context }).toEqual({
      completed: [],
      skipped: [],
      status: 'failed',
      output: undefined,
      context: {},
    });
    expect(errors[0]).toMatchObject({ nodeId: 'a', cause: { code: 'ERR_UNKNOWN_ACTION', action: 'z' } });
    expect(errors[0]?.cause).toBeInstanceOf(UnknownActionError);
    expect(errors[0]?.cause).toHaveProperty('actions', ['x', 'y']);
    expect(errors[0]?.message).toContain('node "a" chose the action "z", but its edges have "x", "y"');
    expect(unreached.map(({ nodeId }) => nodeId)).toEqual(['x', 'y']);
  });

  it('follows nothing where no action was chosen and every edge has one', async () => {
    const { completed, skipped, status, output } = await new Flow('nothing')
      .node('a', () => 7)
      .node('x', () => 1)
      .edge('a', 'x', { action: 'x' })
      .run();
    expect({ completed, skipped, status, output }).toEqual({
      completed: ['a'],
      skipped: ['x'],
      status: 'completed',
      output: 7,
    });
  });

  it('lets a fallback stand in for a node whose action no edge has', async () => {
    const { status, errors, output } = await new Flow('saved')
      .node('a', () => withAction(String('z'), 7), { fallback: 'f' })
      .node('f', () => withAction('x', 8))
      .node('x', (input) => input)
      .edge('a', 'x', { action: 'x' })
      .run();
    expect({ status, output }).toEqual({ status: 'completed', output: 8 });
    expect(errors[0]).toMatchObject({ recoveredBy: 'f', cause: { action: 'z' } });
  });

  it('fails a node whose fallback has chosen an action that none of its edges has', async () => {
    const { status, errors } = await new Flow('lost')
      .node('a', () => Promise.reject(new Error('down')), { fallback: 'f' })
      .node('f', () => withAction(String('z'), 8))
      .node('x', (input) => input)
      .edge('a', 'x', { action: 'x' })
      .run();
    expect(status).toBe('failed');
    expect(errors.map(({ nodeId, cause }) => [nodeId, (cause as UnknownActionError).code])).toEqual([
      ['a', 'ERR_UNKNOWN_ACTION'],
    ]);
  });

  it('bounds what it says of an action that no edge has', async () => {
    const flow = new Flow<object, WorkflowResult, string>('many').node('a', () => withAction('z'.repeat(5_000), 7));
    for (let at = 0; at < 500; at++) {
      flow.node(`x${at}`, () => 1).edge('a', `x${at}`, { action: `action ${at}` });
    }
    const { errors } = await flow.run();
    expect(errors[0]?.message.length).toBeLessThan(600);
    expect(errors[0]?.message).toContain('and 490 more');
    expect(errors[0]?.cause).toHaveProperty('actions.length', 500);
  });

  it('takes each edge whose condition holds, by output, action, result and context', async () => {
    const { completed } = await new Flow('conditions')
      .node('a', () => withAction('go', { total: 5, tags: ['new'] }))
      .node('output', () => 0)
      .node('action', () => 0)
      .node('result', () => 0)
      .node('context', () => 0)
      .node('function', () => 0)
      .node('later', () => 0)
      .node('not', () => 0)
      .edge('a', 'output', { condition: 'output.total > 3 && "new" in output.tags' })
      .edge('a', 'action', { condition: 'action == "go"' })
      .edge('a', 'result', { condition: 'result.output.total == 5 && result.action == "go"' })
      .edge('a', 'context', { condition: 'context.limit >= output.total' })
      .edge('a', 'function', {
        condition: (output, { action, context }) => action === 'go' && context.limit === output.total,
      })
      .edge('a', 'later', { condition: async ({ total }) => total === 5 })
      .edge('a', 'not', { condition: 'output.total > 5' })
      .run({ limit: 5 });
    expect(completed).toEqual(['a', 'output', 'action', 'result', 'context', 'function', 'later']);
  });

  it('needs action and condition both where an edge has both', async () => {
    const build = (action: string, n: number) =>
      new Flow('both')
        .node('a', () => withAction(action, n))
        .node('b', () => 0)
        .node('c', () => 0)
        .edge('a', 'b', { action: 'x', condition: 'output > 1' })
        .edge('a', 'c');
    expect((await build('x', 2).run()).completed).toEqual(['a', 'b']);
    expect((await build('x', 1).run()).completed).toEqual(['a']);
    expect((await build('y', 2).run()).completed).toEqual(['a', 'c']);
  });

  it.each([
    ['is no boolean', 'output.total'],
    ['cannot be evaluated', 'output.missing.deeper > 1'],
    ['is a function that throws', () => expect.fail('broken')],
    ['is a function that gives no boolean', () => 1 as never],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('by a condition that %s fails the node: that is no decision', async (_, condition) => {
    const { status, errors, skipped, unreached } = await new Flow('broken')
      .node('a', () => ({ total: 5 }))
      .node('b', () => 0)
      .edge('a', 'b', { condition })
      .run();
    expect(status).toBe('failed');
    expect(errors.map(({ nodeId }) => nodeId)).toEqual(['a']);
    expect(skipped).toEqual([]);
    expect(unreached).toEqual([{ nodeId: 'b', reason: expect.stringContaining('"a", which failed') }]);
  });

  it('does not evaluate the conditions of edges that the action has ruled out', async () => {
    const { status } = await new Flow('ruled out')
      .node('a', () => withAction('x' as string, 0))
      .node('b', () => 0)
      .node('c', () => 0)
      .edge('a', 'b', { action: 'x' })
      .edge('a', 'c', { action: 'y', condition: () => expect.fail('was evaluated') })
      .run();
    expect(status).toBe('completed');
  });
});
