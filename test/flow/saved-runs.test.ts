import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  CheckpointError,
  type CheckpointStore,
  type Context,
  FileCheckpointStore,
  Flow,
  LockedError,
  MemoryCheckpointStore,
  type NodeArgs,
  type WorkflowResult,
  withAction,
} from 'orchestrator/flow';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LostCall, Program } from '../../src/distributed/testing/program.js';
import { planOf } from '../../src/distributed/testing/trouble-plan.js';
import { compiledSource } from '../programs/compiled.js';
import { deferred, rejection } from '../support.js';

/* Saved runs from a user's point of view: the saved state matches what happened. */

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'saved-runs-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const stores: [string, () => CheckpointStore][] = [
  ['memory', () => new MemoryCheckpointStore()],
  ['files', () => new FileCheckpointStore(directory)],
];

describe.each(stores)('a run that is saved in %s', (_kind, make) => {
  it('keeps what a node has written, where the entry of another cannot be saved', async () => {
    const flowOf = (fixed: boolean) =>
      new Flow('f')
        .node('writer', async (_input: unknown, { context }: NodeArgs) => {
          context.paid = 'order-42';
          await sleep(40);
        })
        .node('bad', async () => {
          await sleep(10);
          return fixed ? 1 : () => {};
        })
        .node('after', (_input: unknown, { context }: NodeArgs) => `paid=${context.paid}`)
        .edge('writer', 'after')
        .edge('bad', 'after');
    const checkpoint = make();
    expect((await flowOf(false).run({}, { runId: 'r', checkpoint })).status).toBe('failed');
    expect((await flowOf(true).resume('r', { checkpoint })).output).toBe('paid=order-42');
  });

  it('keeps what a node has written, where the store fails once', async () => {
    const flow = new Flow('f')
      .node('writer', (_input: unknown, { context }: NodeArgs) => {
        context.paid = 'order-42';
      })
      .node('after', (_input: unknown, { context }: NodeArgs) => `paid=${context.paid}`)
      .edge('writer', 'after');
    const checkpoint = make();
    const appends = (calls: number) => {
      let seen = 0;
      const plan = (_call: number, method: string) =>
        method === 'append' && ++seen === calls ? ('fails' as const) : undefined;
      return new Program(checkpoint, {
        methods: ['append'],
        plan: Object.assign(plan, { text: `append ${calls} fails` }),
      });
    };
    await rejection(flow.run({}, { runId: 'r', checkpoint: appends(1).face }));
    await rejection(flow.resume('r', { checkpoint: appends(2).face }));
    expect((await flow.resume('r', { checkpoint })).output).toBe('paid=order-42');
  });

  it('has no writes of a node that was cut short, though another was saved beside it', async () => {
    const quickIsSaved = deferred();
    const flowOf = (slow: () => Promise<unknown>) =>
      new Flow('f')
        .node('slow', async (_input: unknown, { context }: NodeArgs) => {
          context.list.push('slow');
          context.mine = 'slow';
          await slow();
        })
        .node('quick', () => 1)
        .node('then', (_input: unknown, { context }: NodeArgs) => {
          quickIsSaved.resolve();
          return context.mine;
        })
        .edge('quick', 'then');
    const checkpoint = make();
    const program = new Program(checkpoint, {
      methods: ['claim', 'save', 'append', 'load'],
      held: { claim: { letGo: ['release'] } },
    });
    void flowOf(() => new Promise(() => {})).run({ list: [] }, { runId: 'r', checkpoint: program.face });
    await quickIsSaved.promise;
    program.kill();
    await program.rest();
    const { context } = await flowOf(async () => {}).resume('r', { checkpoint });
    expect(context).toMatchObject({ list: ['slow'], mine: 'slow' });
    expect(context.then).toBeUndefined();
  });

  it('keeps nothing of what a failed node has written, nor of a failed attempt', async () => {
    const flow = new Flow('f')
      .node(
        'risky',
        (_input: unknown, { context, attempt }: NodeArgs) => {
          context.list.push(`attempt ${attempt}`);
          context[`tried ${attempt}`] = true;
          if (attempt < 2) throw new Error('not yet');
        },
        { retry: { retries: 1, minTimeout: 0 } },
      )
      .node(
        'lost',
        (_input: unknown, { context }: NodeArgs) => {
          context.list.push('lost');
          throw new Error('never');
        },
        { fallback: 'rescue' },
      )
      .node('rescue', (_input: unknown, { context }: NodeArgs) => [...context.list].toSorted())
      .edge('risky', 'lost');
    const checkpoint = make();
    const { context } = await flow.run({ list: [] }, { runId: 'r', checkpoint });
    expect(context.list).toEqual(['attempt 2']);
    expect(Object.keys(context).filter((key) => key.startsWith('tried'))).toEqual(['tried 2']);
    expect((await flow.resume('r', { checkpoint })).context.list).toEqual(['attempt 2']);
  });

  it('skips no turn of a loop where the answers to its entries are lost', async () => {
    const turns: number[] = [];
    const flow = new Flow('f')
      .node('turn', (_input: unknown, { visit }: NodeArgs) => {
        turns.push(visit);
        return withAction(visit < 4 ? 'again' : 'on', visit);
      })
      .node('end', (input) => input)
      .edge('turn', 'turn', { action: 'again' })
      .edge('turn', 'end', { action: 'on' });
    const checkpoint = make();
    let lost = 0;
    const losing = () => {
      let appends = 0;
      const plan = (_call: number, method: string) =>
        method === 'append' && ++appends === 1 && ++lost <= 2 ? ('loses its answer' as const) : undefined;
      return new Program(checkpoint, { methods: ['append'], plan: Object.assign(plan, { text: 'the first append' }) })
        .face;
    };
    expect(await rejection(flow.run({}, { runId: 'r', checkpoint: losing() }))).toBeInstanceOf(LostCall);
    expect(await rejection(flow.resume('r', { checkpoint: losing() }))).toBeInstanceOf(LostCall);
    const { status, output } = await flow.resume('r', { checkpoint: losing() });
    expect({ turns, status, output }).toEqual({ turns: [1, 2, 3, 4], status: 'completed', output: 4 });
  });

  it('has the change of an output, who saves it and who reads it', async () => {
    const flow = new Flow('m')
      .node('order', () => ({ total: 100 }))
      .node('discount', (_input: unknown, { context }: NodeArgs) => {
        context.order.total = 90;
      })
      .wait('approval')
      .node('charge', (_input: unknown, { context }: NodeArgs) => context.order.total)
      .edge('order', 'discount')
      .edge('discount', 'approval')
      .edge('approval', 'charge');
    const checkpoint = make();
    await flow.run({}, { runId: 'r', checkpoint });
    const resumed = await flow.resume('r', { checkpoint, events: { approval: 1 } });
    expect(resumed).toMatchObject({ output: 90, context: { order: { total: 90 } } });
    expect((await flow.resume('r', { checkpoint })).context.order).toEqual({ total: 90 });
  });

  it('is had by one of two that resume it at a time, and the other is told who has it', async () => {
    const calls: string[] = [];
    const gate = deferred();
    const flow = new Flow('f')
      .wait('go')
      .node('once', async () => {
        calls.push('once');
        await gate.promise;
        return 'done';
      })
      .edge('go', 'once');
    const checkpoint = make();
    await flow.run({}, { runId: 'r', checkpoint });
    const two = [1, 2].map(() => flow.resume('r', { checkpoint, events: { go: 1 } }));
    const settling = two.map((run) =>
      run.then(
        ({ status }) => status,
        (error: unknown) => error,
      ),
    );
    const refused = await Promise.race(settling);
    expect(refused).toBeInstanceOf(LockedError);
    expect(refused).toBeInstanceOf(CheckpointError);
    expect(refused).toMatchObject({ runId: 'r', holder: expect.stringContaining(String(process.pid)) });
    expect(Date.now() - Number((refused as LockedError).since)).toBeLessThan(60_000);
    gate.resolve();
    const ends = await Promise.all(settling);
    expect(ends.filter((end) => end === 'completed')).toHaveLength(1);
    expect(calls).toEqual(['once']);
    expect((await flow.resume('r', { checkpoint })).status).toBe('completed');
  });

  it('is had by one of two that begin it at a time', async () => {
    const calls: string[] = [];
    const flow = new Flow('f').node('once', async () => {
      calls.push('once');
      await sleep(20);
    });
    const checkpoint = make();
    const runs = await Promise.allSettled([1, 2, 3].map(() => flow.run({}, { runId: 'r', checkpoint })));
    expect(runs.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(calls).toEqual(['once']);
  });

  it('is free again once it has ended, however it has ended', async () => {
    const checkpoint = make();
    const controller = new AbortController();
    const flow = (end: () => unknown) =>
      new Flow('f')
        .node('a', end as () => number)
        .wait('w')
        .edge('a', 'w');
    const fails = () => {
      throw new Error('no');
    };
    const aborts = () => controller.abort(new Error('enough'));
    const broken = new Program(checkpoint, { methods: ['append'], plan: planOf({ 1: 'fails' }) }).face;
    await flow(fails).run({}, { runId: 'failed', checkpoint });
    await flow(aborts).run({}, { runId: 'aborted', checkpoint, signal: controller.signal });
    await flow(() => 1).run({}, { runId: 'awaiting', checkpoint });
    await rejection(flow(() => 1).run({}, { runId: 'broken', checkpoint: broken }));
    await rejection(flow(() => 1).run({}, { runId: 'awaiting', checkpoint }));
    await rejection(flow(() => 1).resume('unknown', { checkpoint }));
    await rejection(flow(() => 1).resume('awaiting', { checkpoint, events: { misspelt: 1 } }));
    await rejection(new Flow('other').node('a', () => 1).resume('awaiting', { checkpoint }));
    for (const runId of ['failed', 'aborted', 'awaiting', 'broken', 'unknown']) {
      const claim = await checkpoint.claim(runId);
      await claim.release();
    }
  });

  it('executes the right nodes where the code names them in another order', async () => {
    const executed: string[] = [];
    const flowOf = (ids: readonly string[]) => {
      const flow = new Flow('f') as unknown as Flow<Context, never, string>;
      for (const id of ids) {
        if (id === 'w') flow.wait(id as never);
        else
          flow.node(id as never, (input: unknown) => {
            executed.push(id);
            return `${id}(${input})`;
          });
      }
      return flow.edge('a', 'b').edge('b', 'w').edge('w', 'c').edge('c', 'd');
    };
    const checkpoint = make();
    await flowOf(['a', 'b', 'w', 'c', 'd']).run({}, { runId: 'r', checkpoint, input: 'i' });
    const result = await flowOf(['d', 'w', 'c', 'b', 'a']).resume('r', { checkpoint, events: { w: 'now' } });
    expect(executed).toEqual(['a', 'b', 'c', 'd']);
    expect(result).toMatchObject({
      status: 'completed',
      context: { a: 'a(i)', b: 'b(a(i))', w: 'now', c: 'c(now)', d: 'd(c(now))' },
    });
  });

  it('is refused by another graph of the same version, which says what differs', async () => {
    const flowOf = (more: boolean) => {
      const flow = new Flow('f', { version: '1' })
        .node('a', () => 1)
        .wait('w')
        .node('b', () => 2)
        .edge('a', 'w')
        .edge('w', 'b');
      return more ? flow.node('extra', () => 3).edge('a', 'extra') : flow;
    };
    const checkpoint = make();
    await flowOf(false).run({}, { runId: 'r', checkpoint });
    const error = await rejection(flowOf(true).resume('r', { checkpoint, events: { w: 1 } }));
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toContain('extra');
    expect((await flowOf(false).resume('r', { checkpoint, events: { w: 1 } })).status).toBe('completed');
  });

  it('executes no item of a batch twice, with a large context and many entries', { timeout: 300_000 }, async () => {
    const counts = new Map<number, number>();
    const controller = new AbortController();
    const items = Array.from({ length: 2_100 }, (_, item) => item);
    const flow = new Flow('f').batch(
      'charge',
      (item: number) => {
        counts.set(item, (counts.get(item) ?? 0) + 1);
        if (item === 1_500) controller.abort();
        return item;
      },
      { items: 'items', concurrency: 1 },
    );
    const checkpoint = make();
    const context = { items, big: 'x'.repeat(2e6) };
    expect((await flow.run(context, { runId: 'r', checkpoint, signal: controller.signal })).status).toBe('cancelled');
    const { status, output } = await flow.resume('r', { checkpoint });
    expect({ status, output }).toEqual({ status: 'completed', output: items });
    const twice = [...counts].filter(([, count]) => count > 1).map(([item]) => item);
    // The item that was running at the abort may be handled again.
    expect(twice.filter((item) => item !== 1_500)).toEqual([]);
    expect(counts.size).toBe(items.length);
  });
});

describe('a file of a saved run', () => {
  it('is resumed rightly or refused, whichever bit is flipped', { timeout: 300_000 }, async () => {
    const executed: string[] = [];
    const node =
      (id: string) =>
      (input: unknown, { context }: NodeArgs) => {
        executed.push(id);
        context.sum += id.charCodeAt(0);
        return { id, input, number: 12_345 };
      };
    const flow = new Flow('f')
      .node('a', node('a'))
      .node('b', node('b'))
      .wait('w')
      .node('c', node('c'))
      .edge('a', 'b')
      .edge('b', 'w')
      .edge('w', 'c');
    await flow.run({ sum: 0, user: 'Ada' }, { runId: 'r', checkpoint: new FileCheckpointStore(directory), input: 7 });
    const [name = ''] = (await readdir(directory)).filter((file) => file.endsWith('.run'));
    const whole = await readFile(join(directory, name));
    const resumed = async (bytes: Buffer, at: number) => {
      const place = join(directory, `${at}`);
      const checkpoint = new FileCheckpointStore(place);
      await checkpoint.save('r', 'x', 0);
      await writeFile(join(place, name), bytes);
      executed.length = 0;
      const outcome: WorkflowResult | Error = await flow
        .resume('r', { checkpoint, events: { w: 'now' } })
        .catch((error: Error) => error);
      await rm(place, { recursive: true });
      return outcome;
    };
    const endOf = ({ status, context, output }: WorkflowResult) => ({ status, context: { ...context }, output });
    const expected = (await resumed(whole, -1)) as WorkflowResult;
    expect(expected.status).toBe('completed');
    const bits = whole.length * 8;
    const wrong: string[] = [];
    let refused = 0;
    for (let flip = 0; flip < 600; flip++) {
      const bit = Math.floor((flip * bits) / 600);
      const bytes = Buffer.from(whole);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      const outcome = await resumed(bytes, flip);
      if (outcome instanceof CheckpointError) {
        refused++;
        if (executed.length > 0) wrong.push(`bit ${bit}: refused, and executed ${executed}`);
        continue;
      }
      if (outcome instanceof Error) wrong.push(`bit ${bit}: ${outcome}`);
      else expect({ bit, end: endOf(outcome) }).toEqual({ bit, end: endOf(expected) });
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(300);
  });

  it('is cut where its end is torn, and refused by file and entry where its middle is damaged', async () => {
    const flow = new Flow('f')
      .node('a', () => 'of a')
      .node('b', () => 'of b')
      .wait('w')
      .edge('a', 'b')
      .edge('b', 'w');
    const checkpoint = new FileCheckpointStore(directory);
    await flow.run({}, { runId: 'r', checkpoint });
    const [name = ''] = (await readdir(directory)).filter((file) => file.endsWith('.run'));
    const path = join(directory, name);
    const whole = await readFile(path, 'utf8');
    await writeFile(path, whole.slice(0, -5));
    expect((await flow.resume('r', { checkpoint, events: {} })).status).toBe('awaiting');
    await writeFile(path, whole.replace('of a', 'of x'));
    const error = await rejection(
      flow.resume('r', { checkpoint: new FileCheckpointStore(directory), events: { w: 1 } }),
    );
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(/1/);
    expect((error as Error).message).toContain(name);
  });
});

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Continues a run, reports if it got the hold, and keeps the hold until it is told to proceed. */
const resumer = () => `
import { FileCheckpointStore, Flow } from '${compiledSource('flow')}';
const [directory, event] = process.argv.slice(2);
const flow = new Flow('f').wait('go').node('once', async () => {
  console.log('executes');
  await new Promise((resolve) => process.stdin.once('data', resolve));
}).edge('go', 'once');
const checkpoint = new FileCheckpointStore(directory);
try {
  const { status } = await flow.resume('r', { checkpoint, events: event === undefined ? {} : { [event]: 1 } });
  console.log(status);
} catch (error) {
  console.log(error.name + ': ' + error.message);
}
process.exit();
`;

describe('a run that several programs resume', () => {
  async function start(event?: string) {
    const path = join(directory, 'resumer.mjs');
    await writeFile(path, resumer());
    const child = spawn(process.execPath, [path, join(directory, 'runs'), ...(event ? [event] : [])], {
      cwd: root,
    });
    const lines: string[] = [];
    let said = deferred();
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      lines.push(...text.split('\n').filter(Boolean));
      said.resolve();
      said = deferred();
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
    const first = async () => {
      while (lines.length === 0) await Promise.race([said.promise, closed.then(() => lines.push(`closed: ${errors}`))]);
      return String(lines[0]);
    };
    return { child, lines, first, closed };
  }

  it('is had by one of them, and by the next once that was killed', { timeout: 300_000 }, async () => {
    const flow = new Flow('f')
      .wait('go')
      .node('once', () => 1)
      .edge('go', 'once');
    const checkpoint = new FileCheckpointStore(join(directory, 'runs'));
    await flow.run({}, { runId: 'r', checkpoint });
    const programs = await Promise.all([1, 2, 3].map(() => start('go')));
    const first = await Promise.all(programs.map((program) => program.first()));
    const holders = programs.filter((_, index) => first[index] === 'executes');
    expect(first.filter((line) => line === 'executes')).toHaveLength(1);
    const [holder] = holders as [Awaited<ReturnType<typeof start>>];
    for (const line of first)
      if (line !== 'executes') expect(line).toMatch(new RegExp(`^LockedError: .*${holder.child.pid}`));
    const refused = await rejection(flow.resume('r', { checkpoint, events: { go: 1 } }));
    expect(refused).toMatchObject({ name: 'LockedError', holder: expect.stringContaining(String(holder.child.pid)) });
    holder.child.kill('SIGKILL');
    await holder.closed;
    const next = await start();
    expect(await next.first()).toBe('executes');
    next.child.stdin.write('on\n');
    await next.closed;
    expect(next.lines.slice(0, 2)).toEqual(['executes', 'completed']);
    expect((await flow.resume('r', { checkpoint })).status).toBe('completed');
  });
});
