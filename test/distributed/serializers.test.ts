import { DistributedWorker, type Engine, EngineError, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { DefaultSerializer, Flow, FlowRuntime, type Serializer } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import type { Commit } from '../../src/distributed/contracts.js';
import { fleetOf } from './fleet.js';

/** The default serializer, with faults that a test can set. */
class Faulty implements Serializer {
  readonly #own = new DefaultSerializer();
  onSave: (value: unknown) => unknown = () => undefined;
  onRead: (text: string) => void = () => undefined;

  serialize(value: unknown): string {
    const instead = this.onSave(value);
    return (instead === undefined ? this.#own.serialize(value) : instead) as string;
  }

  deserialize(text: string): unknown {
    this.onRead(text);
    return this.#own.deserialize(text);
  }
}

function throwing(thrown: unknown): never {
  throw thrown;
}

/** Calls `work` when a value contains a word. */
const where = (word: string, work: () => unknown) => (value: unknown) => {
  return typeof value === 'string' && value.includes(word) ? work() : undefined;
};

const faults: readonly (readonly [string, () => unknown])[] = [
  ['an error', () => throwing(new Error('no such thing'))],
  ['a text', () => throwing('no')],
  ['a RangeError', () => throwing(new RangeError('too deep'))],
  ['a number instead of a text', () => 5],
];

describe.each(faults)('a serializer that returns %s', (_name, fault) => {
  it('fails the node whose output it cannot write, once, with the path', async () => {
    const serializer = new Faulty();
    serializer.onSave = where('unsavable', fault);
    let executed = 0;
    const flow = new Flow('f').node('n', () => {
      executed++;
      return 'unsavable';
    });
    const { finish } = await fleetOf(flow, { runtime: new FlowRuntime({ serializer }) });
    const { status, error } = await finish();
    expect([status, executed]).toEqual(['failed', 1]);
    expect(error).toMatch(/^node "n" failed: context\.n cannot be saved: the serializer /);
  });

  it('fails the node whose context key it cannot write', async () => {
    const serializer = new Faulty();
    serializer.onSave = where('unsavable', fault);
    const flow = new Flow('f').node('n', (_input, { context }) => {
      context.key = 'unsavable';
    });
    const { finish } = await fleetOf(flow, { runtime: new FlowRuntime({ serializer }) });
    expect((await finish()).error).toMatch(/^node "n" failed: context\.key cannot be saved: the serializer /);
  });

  it('makes startRun and signal reject with the name of the field', async () => {
    const serializer = new Faulty();
    serializer.onSave = where('unsavable', fault);
    const { orchestrator } = await fleetOf(new Flow('f').wait('w'), { runtime: new FlowRuntime({ serializer }) });
    const refused = (field: string) => ({
      code: 'ERR_SERIALIZATION',
      message: expect.stringMatching(new RegExp(`^${field} cannot be saved: the serializer `)),
    });
    await expect(orchestrator.startRun({ key: 'unsavable' })).rejects.toMatchObject(refused('context\\.key'));
    await expect(orchestrator.startRun({}, 'unsavable')).rejects.toMatchObject(refused('input'));
    const runId = await orchestrator.startRun();
    await expect(orchestrator.signal(runId, 'w', 'unsavable')).rejects.toMatchObject(refused('payload'));
    expect((await orchestrator.listRuns()).runs).toHaveLength(1);
  });

  it('records a failure though it cannot write the error', async () => {
    const serializer = new Faulty();
    serializer.onSave = (value) => (value instanceof Error ? fault() : undefined);
    let executed = 0;
    const flow = new Flow('f').node('n', () => {
      executed++;
      throw new TypeError('the reason');
    });
    const { finish, orchestrator } = await fleetOf(flow, { runtime: new FlowRuntime({ serializer }) });
    const { status, error, runId } = await finish();
    expect([status, executed, error]).toEqual(['failed', 1, 'node "n" failed: TypeError: the reason']);
    expect((await orchestrator.errors(runId)).map((one) => one.error.message)).toEqual(['TypeError: the reason']);
  });
});

describe('a value that cannot be read', () => {
  const unreadable = (word: string) => {
    const serializer = new Faulty();
    serializer.onRead = (text) => {
      if (text.includes(word)) throw new Error('the key is lost');
    };
    return { runtime: new FlowRuntime({ serializer }) };
  };

  it('fails the run if it is the input, and no job is delivered for ever', async () => {
    const { finish, orchestrator } = await fleetOf(
      new Flow('f').node('n', () => 1),
      unreadable('secret'),
    );
    const { status, error, runId } = await finish({}, 'secret');
    const why = 'cannot be read: the serializer threw: the key is lost';
    expect([status, error]).toEqual(['failed', `input ${why}`]);
    const refused = { code: 'ERR_SERIALIZATION', message: `input of run "${runId}" ${why}` };
    await expect(orchestrator.input(runId)).rejects.toMatchObject(refused);
    await expect(orchestrator.result(runId)).rejects.toMatchObject(refused);
    expect(await orchestrator.pendingWork(runId)).toEqual([]);
  });

  it('fails the node that reads it, unless the node handles the error', async () => {
    const flow = new Flow('f')
      .node('n', (_input, { context }) => {
        try {
          return context.key;
        } catch {
          return 'without';
        }
      })
      .node('m', (_input, { context }) => context.key)
      .edge('n', 'm');
    const { finish, orchestrator } = await fleetOf(flow, unreadable('secret'));
    const { error, runId } = await finish({ key: 'secret' });
    const why = 'cannot be read: the serializer threw: the key is lost';
    expect(error).toBe(`node "m" failed: context.key ${why}`);
    // A program that could not read the run has not removed it.
    await expect(orchestrator.context(runId)).rejects.toMatchObject({
      message: `context.key of run "${runId}" ${why}`,
    });
  });

  it('is reported with its run if it is the output, and prevents no listing', async () => {
    const flow = new Flow('f').node('n', (input) => input);
    const engine = memory();
    const { finish } = await fleetOf(flow, { engine, runtime: new FlowRuntime({ serializer: new Faulty() }) });
    await finish({}, 'plain', { runId: 'good' });
    await finish({}, 'secret', { runId: 'bad' });
    const { runtime } = unreadable('secret');
    const other = new OrchestratorBuilder().engine(engine).workflow(flow).runtime(runtime).build();
    const message = 'output of run "bad" cannot be read: the serializer threw: the key is lost';
    await expect(other.run('bad')).rejects.toMatchObject({ message });
    // Both may have begun in the same millisecond, so their order is not certain.
    const runs = new Map((await other.listRuns()).runs.map((run) => [run.runId, run]));
    expect([...runs.keys()].sort()).toEqual(['bad', 'good']);
    expect(runs.get('good')?.output).toBe('plain');
    expect(() => runs.get('bad')?.output).toThrow(message);
    const events = other.events('bad', { follow: false });
    await expect(events.next()).rejects.toMatchObject({ message: expect.stringContaining('of event 1 of run "bad"') });
  });

  it('is replaced by its own error if it is an error', async () => {
    const flow = new Flow('f').node('n', () => {
      throw new Error('secret');
    });
    const { finish, orchestrator } = await fleetOf(flow, unreadable('secret'));
    const { status, error, runId } = await finish();
    expect([status, error]).toEqual(['failed', 'node "n" failed']);
    const message = `error of run "${runId}" cannot be read: the serializer threw: the key is lost`;
    expect((await orchestrator.errors(runId))[0]?.error.message).toBe(message);
    expect((await orchestrator.result(runId)).errors[0]?.message).toContain(message);
  });
});

describe('an entry that the engine refuses for its content', () => {
  /** An engine that refuses the texts that a test chooses, like a database that cannot store them. */
  async function refusing(isRefused: (text: string) => boolean) {
    const engine = memory();
    const { commit } = engine;
    let refused = 0;
    engine.commit = async (runId, known, commits: readonly Commit[]) => {
      if (!commits.some(({ text }) => isRefused(text))) return commit.call(engine, runId, known, commits);
      refused++;
      throw new EngineError('an engine', 'has refused a statement', {
        cause: new Error('no such character'),
        isFinal: true,
      });
    };
    return { engine: engine as Engine, refused: () => refused };
  }

  it('fails the node, which is executed once', async () => {
    const { engine } = await refusing((text) => text.includes('too special'));
    let executed = 0;
    const flow = new Flow('f').node('n', () => {
      executed++;
      return 'too special';
    });
    const { finish } = await fleetOf(flow, { engine });
    const { status, error } = await finish();
    expect([status, executed]).toEqual(['failed', 1]);
    expect(error).toMatch(/^node "n" failed: .*cannot be kept: an engine has refused a statement: no such character/);
  });

  it('fails the node with a plain error if the failure itself is refused', async () => {
    const { engine, refused } = await refusing((text) => text.includes('too special'));
    let executed = 0;
    const flow = new Flow('f').node('n', () => {
      executed++;
      throw new RangeError('why', { cause: 'too special' });
    });
    const { finish, orchestrator } = await fleetOf(flow, { engine });
    const { status, error, runId } = await finish();
    expect([status, executed, error]).toEqual(['failed', 1, 'node "n" failed: why']);
    expect(refused()).toBeGreaterThan(0);
    const [failure] = await orchestrator.errors(runId);
    expect([failure?.error.name, failure?.error.message, failure?.error.cause]).toEqual([
      'RangeError',
      'why',
      undefined,
    ]);
  });
});

it('a worker of another program continues with the texts of a checked serializer', async () => {
  const raw: Serializer = {
    serialize: (value) => `\0${JSON.stringify(value ?? null)}`,
    deserialize: (text) => JSON.parse(text.slice(1)),
  };
  const engine = memory();
  const flow = new Flow('f')
    .wait('w')
    .node('n', (input) => input)
    .edge('w', 'n');
  const runtime = () => new FlowRuntime({ serializer: raw });
  const orchestrator = new OrchestratorBuilder().engine(engine).workflow(flow).runtime(runtime()).build();
  const runId = await orchestrator.startRun();
  await orchestrator.signal(runId, 'w', ['\0', '\ud800']);
  const worker = new DistributedWorker({ engine, workflows: [flow], runtime: runtime() });
  await worker.start();
  const run = await orchestrator.waitForCompletion(runId, { signal: AbortSignal.timeout(60_000) });
  await worker.stop();
  expect(run.output).toEqual(['\0', '\ud800']);
});
