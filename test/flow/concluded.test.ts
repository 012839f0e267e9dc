import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ValidationError } from 'orchestrator';
import { type CheckpointStore, FileCheckpointStore, Flow, MemoryCheckpointStore } from 'orchestrator/flow';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as z from 'zod';
import { DyingStore } from './dying-store.js';

/* The output of a run whose flow has a schema of it: the schema is applied once, and the decision stands. */

const loose = (flow: unknown) => flow as Flow;

/** Makes schemas that convert a text to the text and a number that no other conversion has. */
function numbering() {
  const seen: string[] = [];
  const schema = () => z.string().transform((text) => `${text}-${seen.push(text)}`);
  return { seen, schema };
}

const stores: [string, () => Promise<CheckpointStore>][] = [
  ['memory', async () => new MemoryCheckpointStore()],
  [
    'files',
    async () => {
      const directory = await mkdtemp(join(tmpdir(), 'concluded-'));
      onTestFinished(() => rm(directory, { recursive: true }));
      return new FileCheckpointStore(directory);
    },
  ],
];

describe('the output that a schema converts', () => {
  it.each(stores)(
    'is decided once in a run that is saved in %s, however often the run is continued',
    async (_, open) => {
      const { seen, schema } = numbering();
      const flow = loose(new Flow('f', { output: schema() }).node('last', () => 'id'));
      const checkpoint = await open();
      const outputs = [(await flow.run({}, { checkpoint, id: 'r' })).output];
      // Each continuation saves a snapshot, so the third one no longer has the entry.
      for (let time = 0; time < 3; time++) outputs.push((await flow.continue('r', { checkpoint })).output);
      outputs.push((await flow.result('r', { checkpoint })).output);
      expect([outputs, seen]).toEqual([Array(5).fill('id-1'), ['id']]);
    },
  );

  it('is decided once in a run that is not saved', async () => {
    const { seen, schema } = numbering();
    const flow = loose(new Flow('f', { output: schema() }).node('last', () => 'id'));
    const first = await flow.run();
    for (const run of [first, first.snapshot]) expect((await flow.continue(run)).output).toBe('id-1');
    expect([first.context.last, seen]).toEqual(['id', ['id']]);
  });

  it('stands if the schema has become stricter since', async () => {
    const flow = (output: z.ZodType) => loose(new Flow('f', { output }).node('last', () => 5));
    const checkpoint = new MemoryCheckpointStore();
    await flow(z.number()).run({}, { checkpoint, id: 'r' });
    const strict = await flow(z.string()).continue('r', { checkpoint });
    expect(strict).toMatchObject({ status: 'completed', output: 5, reason: undefined });
  });

  it('is converted from the output of the node once more if the program dies before the record', async () => {
    const { seen, schema } = numbering();
    const inner = new Flow('inner', { output: schema() }).node('n', () => 'in');
    const flow = loose(
      new Flow('outer', { output: schema() })
        .node('sub', inner as never)
        .node('last', () => 'out')
        .edge('sub', 'last'),
    );
    let deaths = 0;
    for (let room = 0; ; room++) {
      const checkpoint = new DyingStore();
      if (!(await checkpoint.dies(room, () => flow.run({}, { checkpoint, id: 'r' })))) break;
      deaths++;
      const { output, context } = await flow.continue('r', { checkpoint });
      const again = await flow.continue('r', { checkpoint });
      expect({ room, output, sub: context.sub }).toEqual({
        room,
        output: expect.stringMatching(/^out-\d+$/),
        sub: expect.stringMatching(/^in-\d+$/),
      });
      expect(again).toMatchObject({ output, context });
    }
    expect(new Set(seen)).toEqual(new Set(['in', 'out']));
    // The run has six entries. Only the death before the record of a conversion repeats the conversion.
    expect([deaths, seen]).toEqual([6, expect.objectContaining({ length: 2 * (deaths + 1) + 2 })]);
  });

  it('is decided when a run of an earlier version is continued, and then stands', async () => {
    const { schema } = numbering();
    const checkpoint = new MemoryCheckpointStore();
    // Such a run has completed without a record of its output, like the run of a flow without a schema.
    await loose(new Flow('f').node('last', () => 'id')).run({}, { checkpoint, id: 'r' });
    const flow = loose(new Flow('f', { output: schema() }).node('last', () => 'id'));
    expect((await flow.result('r', { checkpoint })).status).toBe('running');
    for (let time = 0; time < 2; time++) expect((await flow.continue('r', { checkpoint })).output).toBe('id-1');
  });
});

describe('an output that its schema refuses', () => {
  const refusing = () => {
    const state = { isRight: false, checks: 0 };
    const schema = z.number().refine(() => {
      state.checks++;
      return state.isRight;
    }, 'not yet');
    return { state, schema };
  };

  it('has failed the run, which can be read, and is checked again when the run is continued', async () => {
    const { state, schema } = refusing();
    const flow = loose(new Flow('f', { output: schema }).node('last', () => 1));
    const checkpoint = new MemoryCheckpointStore();
    await flow.run({}, { checkpoint, id: 'r' });
    const read = await flow.result('r', { checkpoint });
    expect(read).toMatchObject({ status: 'failed', output: 1, errors: [] });
    expect(String(read.reason)).toMatch(/^ValidationError: output: not yet/);
    expect(state.checks).toBe(1);
    state.isRight = true;
    for (let time = 0; time < 2; time++) {
      const result = await flow.continue('r', { checkpoint });
      expect(result).toMatchObject({ status: 'completed', output: 1, reason: undefined });
    }
    expect(state.checks).toBe(2);
  });

  it('fails the node of a sub-flow without a retry, whenever the program dies, and is checked again with the run', async () => {
    let deaths = 0;
    for (let room = 0; ; room++) {
      const { state, schema } = refusing();
      let executions = 0;
      const inner = new Flow('inner', { output: schema }).node('n', () => ++executions);
      const flow = loose(new Flow('outer').node('sub', inner as never, { retry: { retries: 2, minTimeout: 0 } }));
      const checkpoint = new DyingStore();
      if (!(await checkpoint.dies(room, () => flow.run({}, { checkpoint, id: 'r' })))) break;
      deaths++;
      executions = 0;
      const failed = await flow.continue('r', { checkpoint });
      expect({ room, errors: failed.errors }).toMatchObject({ room, errors: [{ nodeId: 'sub', attempts: 1 }] });
      expect(String(failed.errors[0]?.cause)).toMatch(/^ValidationError: output: not yet/);
      state.isRight = true;
      expect((await flow.continue('r', { checkpoint })).status).toBe('completed');
      expect(executions).toBeLessThanOrEqual(1);
    }
    expect(deaths).toBe(4);
  });

  it('fails a saved run if the value that the schema returns cannot be saved', async () => {
    const flow = loose(new Flow('f', { output: z.string().transform((text) => () => text) }).node('last', () => 'id'));
    expect((await flow.run()).output()).toBe('id');
    const saved = await flow.run({}, { checkpoint: new MemoryCheckpointStore(), id: 'r' });
    expect(saved.status).toBe('failed');
    expect(String(saved.reason)).toMatch(/cannot be saved/);
  });

  it('is an error of the class that says so', async () => {
    const { schema } = refusing();
    const result = await loose(new Flow('f', { output: schema }).node('last', () => 1)).run();
    expect(result.reason).toBeInstanceOf(ValidationError);
  });
});
