import { BlueprintError, Flow, type NodeArgs, NodeError, VisitsError, withAction } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred, rejection, settled } from '../support.js';

/** A node that repeats until it was visited the given number of times. */
const until =
  (times: number) =>
  (input: unknown, { visit }: NodeArgs) =>
    withAction(visit < times ? 'again' : 'done', input);

/** A node that records its visits. */
function noting(log: string[]) {
  return (input: unknown, { nodeId, visit }: NodeArgs) => {
    log.push(`${nodeId}${visit}`);
    return input;
  };
}

describe('a loop', () => {
  it('repeats until an action leaves it, and carries its value from turn to turn', async () => {
    const inputs: number[] = [];
    const result = await new Flow('count')
      .node('seed', () => 0)
      .node('add', (n) => {
        inputs.push(n);
        return n + 1;
      })
      .node('check', (n) => withAction(n < 5 ? 'again' : 'done', n))
      .node('end', (n) => n * 100)
      .edge('seed', 'add')
      .edge('add', 'check')
      .edge('check', 'add', { action: 'again' })
      .edge('check', 'end', { action: 'done' })
      .run();
    expect(inputs).toEqual([0, 1, 2, 3, 4]);
    expect(result).toMatchObject({ status: 'completed', output: 500, context: { add: 5, check: 5 }, unreached: [] });
    expect(result.completed).toEqual(['seed', 'add', 'check', 'end']);
  });

  it('repeats while a condition is true', async () => {
    const { output, status } = await new Flow('condition')
      .node('seed', () => 1)
      .node('double', (n) => n * 2)
      .node('end', (n) => n)
      .edge('seed', 'double')
      .edge('double', 'double', { condition: 'output < 100' })
      .edge('double', 'end', { condition: 'output >= 100' })
      .run();
    expect({ output, status }).toEqual({ output: 128, status: 'completed' });
  });

  it('of one node that leads to itself counts its visits', async () => {
    const log: string[] = [];
    const { status, output, skipped } = await new Flow('self')
      .node('a', (_, args) => {
        noting(log)(0, args);
        return withAction(args.visit < 3 ? 'again' : 'done', args.visit);
      })
      .node('end', (n) => n)
      .edge('a', 'a', { action: 'again' })
      .edge('a', 'end', { action: 'done' })
      .run();
    expect(log).toEqual(['a1', 'a2', 'a3']);
    expect({ status, output, skipped }).toEqual({ status: 'completed', output: 3, skipped: [] });
  });

  it('may be at the start of the flow: its first node starts, with the input of the run', async () => {
    const inputs: unknown[] = [];
    const { output, status } = await new Flow('start')
      .node('first', (n) => {
        inputs.push(n);
        return n + 1;
      })
      .node('second', (n, { visit }) => withAction(visit < 3 ? 'again' : 'done', n * 10))
      .node('end', (n) => n)
      .edge('first', 'second')
      .edge('second', 'first', { action: 'again' })
      .edge('second', 'end', { action: 'done' })
      .run({}, { input: 1 });
    expect({ output, status, inputs }).toEqual({ output: 2110, status: 'completed', inputs: [1, 20, 210] });
  });

  it('may be the whole of the flow', async () => {
    const { output, status } = await new Flow('whole')
      .node('a', (n = 0) => n + 1)
      .node('b', (n, { visit }) => (visit < 4 ? withAction('again', n) : n))
      .edge('a', 'b')
      .edge('b', 'a', { action: 'again' })
      .run();
    expect({ output, status }).toEqual({ output: 4, status: 'completed' });
  });

  it('passes on the transformed output of the edge back', async () => {
    const inputs: unknown[] = [];
    const { output } = await new Flow('transform')
      .node('seed', () => ({ page: 1 }))
      .node('read', ({ page }) => {
        inputs.push(page);
        return withAction(page < 3 ? 'more' : 'done', { page });
      })
      .node('end', (last) => last)
      .edge('seed', 'read')
      .edge('read', 'read', { action: 'more', transform: '{"page": output.page + 1}' })
      .edge('read', 'end', { action: 'done', transform: 'output.page' })
      .run();
    expect({ inputs, output }).toEqual({ inputs: [1, 2, 3], output: 3 });
  });

  it('forgets the value of an edge when another edge between the same nodes is taken', async () => {
    const inputs: unknown[] = [];
    await new Flow('stale')
      .node('a', (_, { visit }) => withAction(visit % 2 === 1 ? 'odd' : 'even', visit))
      .node('b', (input, { visit }) => {
        inputs.push(input);
        return withAction(visit < 4 ? 'again' : 'done', 0);
      })
      .node('end', () => 0)
      .edge('a', 'b', { action: 'odd', transform: 'output * 100' })
      .edge('a', 'b', { action: 'even' })
      .edge('b', 'a', { action: 'again' })
      .edge('b', 'end', { action: 'done' })
      .run();
    expect(inputs).toEqual([100, 2, 300, 4]);
  });

  it('with several edges back gives its first node the values of those that were taken', async () => {
    const inputs: unknown[] = [];
    await new Flow('two back')
      .node('seed', () => 'seed')
      .node('head', (input) => inputs.push(input))
      .node('x', (_, { visit }) => (visit < 3 ? withAction('again', `x${visit}`) : `x${visit}`))
      .node('y', (_, { visit }) => (visit < 2 ? withAction('again', `y${visit}`) : `y${visit}`))
      .edge('seed', 'head')
      .edge('head', 'x')
      .edge('head', 'y')
      .edge('x', 'head', { action: 'again' })
      .edge('y', 'head', { action: 'again' })
      .run();
    expect(inputs).toEqual(['seed', { x: 'x1', y: 'y1' }, { x: 'x2' }]);
  });

  it('with several entries continues with those that edges back lead to, and skips the others', async () => {
    const log: string[] = [];
    const { status, skipped } = await new Flow('two entries')
      .node('start', () => 'start')
      .node('x', (input, { visit }) => {
        log.push(`x${visit}: ${JSON.stringify(input)}`);
        return visit === 1 ? withAction('again', `x${visit}`) : `x${visit}`;
      })
      .node('y', (input, { visit }) => {
        log.push(`y${visit}: ${JSON.stringify(input)}`);
        return visit === 2 ? withAction('again', `y${visit}`) : `y${visit}`;
      })
      .edge('start', 'x')
      .edge('start', 'y')
      .edge('x', 'y', { action: 'again' })
      .edge('y', 'x', { action: 'again' })
      .run();
    expect(log).toEqual(['x1: "start"', 'y1: "start"', 'y2: "x1"', 'x2: "y2"']);
    expect({ status, skipped }).toEqual({ status: 'completed', skipped: ['y'] });
  });

  it.each([
    ['a header that a later iteration has run', 'y', 'x'],
    ['a header that no iteration has run', 'x', { side: 'side', x: 'x' }],
  ])('has the same output after its run was saved, with an edge to %s', async (_, target, output) => {
    const flow = new Flow('two entries')
      .node('start', () => 'start')
      .node('side', () => 'side')
      .node('x', (_input, { visit }) => (visit === 1 ? withAction(target, 'x') : 'x'))
      .node('y', () => withAction('x', 'y'), { joinStrategy: 'failed' })
      .edge('start', 'x')
      .edge('start', 'side')
      .edge('side', 'y')
      .edge('x', 'x', { action: 'x' })
      .edge('x', 'y', { action: 'y' })
      .edge('y', 'x', { action: 'x' });
    const ended = await flow.run();
    expect(ended).toMatchObject({ status: 'completed', skipped: ['y'], output });
    expect(await flow.resume(ended.snapshot)).toMatchObject({ status: 'completed', skipped: ['y'], output });
  });

  it('after another begins when the first has ended', async () => {
    const log: string[] = [];
    const turn = (_: unknown, { nodeId, visit }: NodeArgs) => {
      log.push(`${nodeId}${visit}`);
      return withAction(visit < 2 ? 'again' : 'done', visit);
    };
    const { status } = await new Flow('one after the other')
      .node('a', turn)
      .node('b', turn)
      .node('c', turn)
      .edge('a', 'a', { action: 'again' })
      .edge('a', 'b', { action: 'done' })
      .edge('b', 'b', { action: 'again' })
      .edge('b', 'c', { action: 'done' })
      .node('d', () => log.push('d'))
      .edge('c', 'c', { action: 'again' })
      .edge('c', 'd', { action: 'done' })
      .run();
    expect({ status, log }).toEqual({ status: 'completed', log: ['a1', 'a2', 'b1', 'b2', 'c1', 'c2', 'd'] });
  });

  it('is refused if all of its edges are always followed', async () => {
    let calls = 0;
    const error = await rejection(
      new Flow('endless')
        .node('a', () => calls++)
        .node('b', () => calls++)
        .edge('a', 'b')
        .edge('b', 'a')
        .run(),
    );
    expect(error).toBeInstanceOf(BlueprintError);
    expect((error as Error).message).toContain('has no exit');
    expect(calls).toBe(0);
  });
});

describe('a loop that nothing leads into', () => {
  it('is refused for that reason alone', async () => {
    const error = await rejection(
      new Flow('apart')
        .node('start', () => 0)
        .node('a', () => 0)
        .node('b', () => 0)
        .edge('a', 'b')
        .edge('b', 'a', { action: 'again' })
        .run(),
    );
    expect(error).toBeInstanceOf(BlueprintError);
    expect((error as BlueprintError).faults.map(({ message }) => message)).toEqual([
      '"a" cannot be reached from the start of the flow',
      '"b" cannot be reached from the start of the flow',
    ]);
  });
});

describe('inside a loop', () => {
  it('a join of all waits for all at every turn, and gets their outputs of that turn', async () => {
    const inputs: unknown[] = [];
    const { status } = await new Flow('join')
      .node('head', (_, { visit }) => visit)
      .node('left', async (n) => {
        await settled();
        return `l${n}`;
      })
      .node('right', (n) => `r${n}`)
      .node('right 2', (r) => `${r}!`)
      .node('join', (input, { visit }) => {
        inputs.push(input);
        return withAction(visit < 3 ? 'again' : 'done', visit);
      })
      .node('end', () => 'end')
      .edge('head', 'left')
      .edge('head', 'right')
      .edge('right', 'right 2')
      .edge('left', 'join')
      .edge('right 2', 'join')
      .edge('join', 'head', { action: 'again' })
      .edge('join', 'end', { action: 'done' })
      .run();
    expect(status).toBe('completed');
    expect(inputs).toEqual([1, 2, 3].map((turn) => ({ left: `l${turn}`, 'right 2': `r${turn}!` })));
  });

  it('a join of any runs once at every turn', async () => {
    const log: string[] = [];
    const note = noting(log);
    const { status } = await new Flow('any')
      .node('head', note)
      .node('fast', note)
      .node('slow', async (input, args) => {
        await settled();
        return note(input, args);
      })
      .node('join', note, { joinStrategy: 'any' })
      .node('check', until(3))
      .node('end', note)
      .edge('head', 'fast')
      .edge('head', 'slow')
      .edge('fast', 'join')
      .edge('slow', 'join')
      .edge('join', 'check')
      .edge('check', 'head', { action: 'again' })
      .edge('check', 'end', { action: 'done' })
      .run();
    expect(status).toBe('completed');
    const turn = (n: number) => [`head${n}`, `fast${n}`, `join${n}`, `slow${n}`];
    // A turn ends when all nodes in the loop have ended.
    expect(log.filter((line) => line !== 'end1')).toEqual([...turn(1), ...turn(2), ...turn(3)]);
    expect(log.filter((line) => line === 'end1')).toHaveLength(1);
  });

  it('a branch is chosen anew at every turn, and the nodes that the last turn left out are skipped', async () => {
    const log: string[] = [];
    const note = noting(log);
    const { status, completed, skipped } = await new Flow('branch')
      .node('head', (_, { visit }) => withAction(visit === 2 ? 'left' : 'right', visit))
      .node('left', note)
      .node('right', note)
      .node('join', (_, { visit }) => withAction(visit < 3 ? 'again' : 'done', visit))
      .node('end', note)
      .edge('head', 'left', { action: 'left' })
      .edge('head', 'right', { action: 'right' })
      .edge('left', 'join')
      .edge('right', 'join')
      .edge('join', 'head', { action: 'again' })
      .edge('join', 'end', { action: 'done' })
      .run();
    expect(log).toEqual(['right1', 'left1', 'right2', 'end1']);
    expect({ status, skipped }).toEqual({ status: 'completed', skipped: ['left'] });
    expect([...completed].sort()).toEqual(['end', 'head', 'join', 'right']);
  });

  it('a join gets nothing from an earlier turn', async () => {
    const inputs: unknown[] = [];
    await new Flow('before')
      .node('head', (_, { visit }) => withAction(visit === 1 ? 'both' : 'left', visit))
      .node('left', (n) => `l${n}`)
      .node('right', (n) => `r${n}`)
      .node('join', (input, { visit }) => {
        inputs.push(input);
        return withAction(visit < 2 ? 'again' : 'done', 0);
      })
      .edge('head', 'left', { condition: () => true })
      .edge('head', 'right', { condition: 'action == "both"' })
      .edge('left', 'join')
      .edge('right', 'join')
      .edge('join', 'head', { action: 'again' })
      .run();
    expect(inputs).toEqual([{ left: 'l1', right: 'r1' }, { left: 'l2' }]);
  });

  it('an inner loop runs all its turns at every turn of the outer loop', async () => {
    const log: string[] = [];
    const visits: number[] = [];
    const { status } = await new Flow('nested')
      .node('outer', (_, { visit }) => {
        log.push(`outer${visit}`);
        return visit;
      })
      .node('inner', (_, { visit }) => {
        log.push('inner');
        visits.push(visit);
        return withAction(visit % 3 === 0 ? 'done' : 'again', visit);
      })
      .node('check', until(2))
      .node('end', () => log.push('end'))
      .edge('outer', 'inner')
      .edge('inner', 'inner', { action: 'again' })
      .edge('inner', 'check', { action: 'done' })
      .edge('check', 'outer', { action: 'again' })
      .edge('check', 'end', { action: 'done' })
      .run();
    expect(status).toBe('completed');
    expect(log).toEqual(['outer1', 'inner', 'inner', 'inner', 'outer2', 'inner', 'inner', 'inner', 'end']);
    expect(visits).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('loops nest three deep', async () => {
    const counts = { a: 0, b: 0, c: 0 };
    let [b, c] = [0, 0];
    const { status } = await new Flow('three')
      .node('a', () => {
        counts.a++;
        b = 0;
      })
      .node('b', () => {
        counts.b++;
        c = 0;
      })
      .node('c', () => {
        counts.c++;
        return withAction(++c < 4 ? 'again' : 'done', c);
      })
      .node('b ends', () => withAction(++b < 3 ? 'again' : 'done', b))
      .node('a ends', until(2))
      .node('end', () => 'end')
      .edge('a', 'b')
      .edge('b', 'c')
      .edge('c', 'c', { action: 'again' })
      .edge('c', 'b ends', { action: 'done' })
      .edge('b ends', 'b', { action: 'again' })
      .edge('b ends', 'a ends', { action: 'done' })
      .edge('a ends', 'a', { action: 'again' })
      .edge('a ends', 'end', { action: 'done' })
      .run();
    expect({ status, ...counts }).toEqual({ status: 'completed', a: 2, b: 6, c: 24 });
  });

  it('a fallback stands in at each turn that needs it, with that turn’s input', async () => {
    const log: string[] = [];
    const outputs: unknown[] = [];
    const { status, errors, skipped } = await new Flow('fallback')
      .node('head', (_, { visit }) => visit)
      .node(
        'work',
        (turn) => {
          if (turn !== 2) throw new Error(`no ${turn}`);
          return `worked ${turn}`;
        },
        { fallback: 'instead' },
      )
      .node('instead', (turn, { visit }) => {
        log.push(`turn ${turn}, visit ${visit}`);
        return `instead ${turn}`;
      })
      .node('check', (input, { visit }) => {
        outputs.push(input);
        return withAction(visit < 4 ? 'again' : 'done', visit);
      })
      .node('end', () => 'end')
      .edge('head', 'work')
      .edge('work', 'check')
      .edge('check', 'head', { action: 'again' })
      .edge('check', 'end', { action: 'done' })
      .run();
    expect({ status, skipped }).toEqual({ status: 'completed', skipped: [] });
    expect(log).toEqual(['turn 1, visit 1', 'turn 3, visit 2', 'turn 4, visit 3']);
    expect(outputs).toEqual(['instead 1', 'worked 2', 'instead 3', 'instead 4']);
    expect(errors).toMatchObject([{ nodeId: 'work', recoveredBy: 'instead', cause: { message: 'no 4' } }]);
  });

  it('a recovered failure stays in the result if later turns do not repeat it', async () => {
    const { status, errors } = await new Flow('healed')
      .node(
        'work',
        (_, { visit }) => {
          if (visit === 1) throw new Error('once');
          return withAction('done', visit);
        },
        { fallback: 'instead' },
      )
      .node('instead', () => withAction('again', 0))
      .node('end', () => 'end')
      .edge('work', 'work', { action: 'again' })
      .edge('work', 'end', { action: 'done' })
      .run();
    expect(status).toBe('completed');
    expect(errors).toEqual([new NodeError('work', 1, new Error('once'), 'instead')]);
  });

  it('a node that fails stops the loop, and what follows it is not reached', async () => {
    const log: string[] = [];
    const { status, errors, completed, unreached } = await new Flow('fails')
      .node('head', noting(log))
      .node('work', (_, { visit }) => {
        if (visit === 2) throw new Error('second');
      })
      .node('check', until(5))
      .node('end', () => 'end')
      .edge('head', 'work')
      .edge('head', 'check')
      .edge('work', 'check')
      .edge('check', 'head', { action: 'again' })
      .edge('check', 'end', { action: 'done' })
      .run();
    expect(log).toEqual(['head1', 'head2']);
    expect(status).toBe('failed');
    expect(errors).toMatchObject([{ nodeId: 'work', attempts: 1, cause: { message: 'second' } }]);
    expect(completed).toEqual(['head']);
    expect(unreached.map(({ nodeId }) => nodeId)).toEqual(['check', 'end']);
  });
});

describe('an edge that leaves a loop', () => {
  it('and was taken in an early turn is followed at once, and only once', async () => {
    const gate = deferred();
    const log: string[] = [];
    const pending = new Flow('early')
      .node('head', async (_, { visit }) => {
        if (visit === 2) await gate.promise;
        log.push(`head${visit}`);
        return visit;
      })
      .node('check', (turn) => withAction(turn < 3 ? 'again' : 'done', turn))
      .node('report', (turn) => log.push(`report of ${turn}`))
      .node('end', () => log.push('end'))
      .edge('head', 'check')
      .edge('head', 'report')
      .edge('check', 'head', { action: 'again' })
      .edge('check', 'end', { action: 'done' })
      .run();
    await settled();
    expect(log).toEqual(['head1', 'report of 1']);
    gate.resolve();
    expect((await pending).status).toBe('completed');
    expect(log).toEqual(['head1', 'report of 1', 'head2', 'head3', 'end']);
  });

  it('passes on the value of the turn in which it was taken', async () => {
    const { output } = await new Flow('value')
      .node('head', (_, { visit }) => visit)
      .node('check', (turn) => withAction(turn < 4 ? 'again' : 'done', `turn ${turn}`))
      .node('join', (input) => input)
      .edge('head', 'check')
      .edge('head', 'join', { condition: 'output == 2' })
      .edge('check', 'head', { action: 'again' })
      .edge('check', 'join', { action: 'done' })
      .run();
    expect(output).toEqual({ head: 2, check: 'turn 4' });
  });

  it('counts the first time that it is taken, with the value of that time', async () => {
    const { output } = await new Flow('first')
      .node('head', (_, { visit }) => visit)
      .node('check', (turn) => withAction(turn < 4 ? 'again' : 'done', turn))
      .node('join', (input) => input)
      .edge('head', 'check')
      .edge('head', 'join', { condition: 'output >= 2', transform: 'output * 10' })
      .edge('check', 'head', { action: 'again' })
      .edge('check', 'join', { action: 'done' })
      .run();
    expect(output).toEqual({ head: 20, check: 4 });
  });

  it('is decided only when the loop has ended, where no turn has taken it', async () => {
    const gate = deferred();
    const log: string[] = [];
    const pending = new Flow('never')
      .node('begin', () => 0)
      .node('head', async (_, { visit }) => {
        if (visit === 2) await gate.promise;
      })
      .node('check', (_, { visit }) => (visit < 2 ? withAction('again', 0) : 0))
      .node('alarm', () => log.push('alarm'))
      .node('other', () => log.push('other'))
      .node('join', (input) => {
        log.push('join');
        return Object.keys(input);
      })
      .edge('head', 'check')
      .edge('begin', 'head')
      .edge('begin', 'other')
      .edge('head', 'alarm', { condition: () => false })
      .edge('alarm', 'join')
      .edge('other', 'join')
      .edge('check', 'head', { action: 'again' })
      .run();
    await settled();
    expect(log).toEqual(['other']);
    gate.resolve();
    expect(await pending).toMatchObject({ status: 'completed', skipped: ['alarm'], context: { join: ['other'] } });
    expect(log).toEqual(['other', 'join']);
  });

  it('leads to nodes that run once for each turn of the surrounding loop', async () => {
    const log: string[] = [];
    const { status } = await new Flow('around')
      .node('outer', () => 0)
      .node('inner', (_, { visit }) => withAction(visit % 2 === 1 ? 'again' : 'done', visit))
      .node('each', noting(log))
      .node('check', until(3))
      .node('after', noting(log))
      .edge('outer', 'inner')
      .edge('inner', 'inner', { action: 'again' })
      .edge('inner', 'each', { action: 'done' })
      .edge('inner', 'check', { action: 'done' })
      .edge('each', 'check')
      .edge('check', 'outer', { action: 'again' })
      .edge('check', 'after', { action: 'done' })
      .run();
    expect(status).toBe('completed');
    expect(log).toEqual(['each1', 'each2', 'each3', 'after1']);
  });
});

describe('the limit of visits', () => {
  const endless = (flow: { maxVisits?: number }, node: { maxVisits?: number }, log: string[]) =>
    new Flow('endless', flow)
      .node('a', noting(log), node)
      .node('b', () => withAction('again' as string, 0))
      .node('end', () => 0)
      .edge('a', 'b')
      .edge('b', 'a', { action: 'again' })
      .edge('b', 'end', { action: 'done' });

  it.each([
    ['1000 by default', {}, {}, {}, 1_000],
    ['that of the flow', { maxVisits: 7 }, {}, {}, 7],
    ['that of the run, over that of the flow', { maxVisits: 7 }, {}, { maxVisits: 5 }, 5],
    ['that of the node, over both', { maxVisits: 7 }, { maxVisits: 3 }, { maxVisits: 5 }, 3],
    ['that of the node, which may be larger', { maxVisits: 7 }, { maxVisits: 8 }, {}, 7],
  ])('is %s', async (_, ofFlow, ofNode, ofRun, bound) => {
    const log: string[] = [];
    const { status, errors, unreached } = await endless(ofFlow, ofNode, log).run({}, ofRun);
    const [error] = errors;
    expect(status).toBe('failed');
    expect(log.length === bound || log.length === bound + 1).toBe(true);
    expect(errors).toHaveLength(1);
    expect(error).toBeInstanceOf(NodeError);
    expect(error?.cause).toBeInstanceOf(VisitsError);
    expect(error?.cause).toMatchObject({ code: 'ERR_VISITS', nodeId: error?.nodeId, maxVisits: bound });
    expect(error?.message).toContain(`"${error?.nodeId}"`);
    expect(unreached.map(({ nodeId }) => nodeId)).toContain('end');
  });

  it('names the node that would be visited once too often, which is not executed', async () => {
    const log: string[] = [];
    const { errors } = await endless({}, { maxVisits: 2 }, log).run();
    expect(log).toEqual(['a1', 'a2']);
    expect(errors).toMatchObject([{ nodeId: 'a', attempts: 0, cause: { name: 'VisitsError', maxVisits: 2 } }]);
  });

  it('allows exactly that many visits', async () => {
    const { status, output } = await new Flow('exact', { maxVisits: 3 })
      .node('a', (_, { visit }) => withAction(visit < 3 ? 'again' : 'done', visit))
      .node('end', (n) => n)
      .edge('a', 'a', { action: 'again' })
      .edge('a', 'end', { action: 'done' })
      .run();
    expect({ status, output }).toEqual({ status: 'completed', output: 3 });
  });

  it('may be lifted', async () => {
    const { status, output } = await new Flow('lifted')
      .node('a', (_, { visit }) => (visit < 1_500 ? withAction('again', visit) : visit), { maxVisits: Infinity })
      .edge('a', 'a', { action: 'again' })
      .run();
    expect({ status, output }).toEqual({ status: 'completed', output: 1_500 });
  });

  it('causes a failure that a fallback can recover', async () => {
    const { status, output, errors } = await new Flow('saved')
      .node('a', (n = 0) => withAction('again', n + 1), { maxVisits: 3, fallback: 'enough' })
      .node('enough', (n) => withAction('done', `stopped at ${n}`))
      .node('end', (text) => text)
      .edge('a', 'a', { action: 'again' })
      .edge('a', 'end', { action: 'done' })
      .run();
    expect({ status, output }).toEqual({ status: 'completed', output: 'stopped at 3' });
    expect(errors).toMatchObject([{ nodeId: 'a', recoveredBy: 'enough', cause: { name: 'VisitsError' } }]);
  });
});
