import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ValidationError } from 'orchestrator';
import {
  type Checkpoint,
  CheckpointError,
  type CheckpointStore,
  type Context,
  DefaultSerializer,
  FileCheckpointStore,
  Flow,
  FlowRuntime,
  type Graph,
  MemoryCheckpointStore,
  type NodeArgs,
  SerializationError,
  withAction,
} from 'orchestrator/flow';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seal, unseal } from '../../src/flow/checkpoint/seal.js';
import { compiledSource } from '../programs/compiled.js';
import { deferred, rejection } from '../support.js';
import { over } from './checkpoint/over.js';

const serializer = new DefaultSerializer();

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'checkpoints-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** The only file in the directory. */
async function onlyFile(): Promise<string> {
  const [name, ...more] = await readdir(directory);
  expect(more).toEqual([]);
  return join(directory, String(name));
}

/** A store that numbers the entries itself: an entry is sent after the one before has failed or is stored. */
function numbering(store: CheckpointStore) {
  const numbers = new Map<string, number>();
  const next = (id: string) => (numbers.get(id) ?? 0) + 1;
  return {
    save: (id: string, text: string) => store.save(id, text, numbers.get(id) ?? 0),
    append: (id: string, text: string) => {
      const seq = next(id);
      numbers.set(id, seq);
      return store.append(id, seq, text).catch((error) => {
        numbers.set(id, seq - 1);
        throw error;
      });
    },
    load: async (id: string) => {
      const kept = await store.load(id);
      if (kept === undefined) return undefined;
      numbers.set(id, Math.max(numbers.get(id) ?? 0, kept.seq + kept.entries.length));
      return { snapshot: kept.snapshot, entries: kept.entries };
    },
    delete: (id: string) => {
      numbers.delete(id);
      return store.delete(id);
    },
    list: () => store.list(),
  };
}

const texts = {
  plain: 'text',
  empty: '',
  'with line ends': 'a\nb\r\nc\n',
  'of a line end': '\n',
  'that begins with a quote': '"quoted"',
  'of quotes and line ends': '"\n"',
  'of one quote': '"',
  'with a carriage return': '\r',
  'with separators': '\u2028\u2029\u0085\u0000',
  'with signs outside of the basic plane': '👩‍👩‍👧 ☂ ü',
  'with half a sign': 'a\ud800b',
  'of a megabyte': 'x'.repeat(2 ** 20),
};

describe.each<[string, () => ReturnType<typeof numbering>]>([
  ['memory', () => numbering(new MemoryCheckpointStore())],
  ['files', () => numbering(new FileCheckpointStore(join(directory, 'not', 'there', 'yet')))],
])('a checkpoint store in %s', (_kind, make) => {
  it('does not know a run that was not saved', async () => {
    const store = make();
    expect(await store.load('unknown')).toBeUndefined();
    expect(await store.list()).toEqual([]);
    await expect(store.delete('unknown')).resolves.toBeUndefined();
  });

  it('refuses an entry of a run that was not saved, because the entry would be lost', async () => {
    const store = make();
    await rejection(store.append('unknown', 'entry'));
    expect(await store.load('unknown')).toBeUndefined();
    await store.save('unknown', 'snapshot');
    expect(await store.load('unknown')).toEqual({ snapshot: 'snapshot', entries: [] });
  });

  it('keeps a snapshot and the entries since', async () => {
    const store = make();
    await store.save('run', 'first');
    expect(await store.load('run')).toEqual({ snapshot: 'first', entries: [] });
    await store.append('run', 'one');
    await store.append('run', 'two');
    expect(await store.load('run')).toEqual({ snapshot: 'first', entries: ['one', 'two'] });
    await store.save('run', 'second');
    expect(await store.load('run')).toEqual({ snapshot: 'second', entries: [] });
    await store.append('run', 'three');
    expect(await store.load('run')).toEqual({ snapshot: 'second', entries: ['three'] });
  });

  it('keeps runs apart, lists and deletes them', async () => {
    const store = make();
    await Promise.all(['a', 'b', 'c'].map((id) => store.save(id, `snapshot of ${id}`)));
    await Promise.all(['a', 'b', 'c', 'a'].map((id) => store.append(id, `entry of ${id}`)));
    expect((await store.list()).toSorted()).toEqual(['a', 'b', 'c']);
    await store.delete('b');
    expect((await store.list()).toSorted()).toEqual(['a', 'c']);
    expect(await store.load('b')).toBeUndefined();
    expect(await store.load('a')).toEqual({ snapshot: 'snapshot of a', entries: ['entry of a', 'entry of a'] });
    await rejection(store.append('b', 'entry'));
    await store.save('b', 'again');
    await store.append('b', 'entry');
    expect(await store.load('b')).toEqual({ snapshot: 'again', entries: ['entry'] });
  });

  it('keeps entries in the order of the calls, whoever waits for them', async () => {
    const store = make();
    await store.save('run', 'snapshot');
    const entries = Array.from({ length: 500 }, (_, index) => `${index} ${'x'.repeat((index * 37) % 3000)}`);
    await Promise.all(entries.map((entry) => store.append('run', entry)));
    expect((await store.load('run'))?.entries).toEqual(entries);
  });

  it('executes calls one after another, so that the last call wins', async () => {
    const store = make();
    const all = [
      store.save('run', 'first'),
      store.append('run', 'lost with the first'),
      store.save('run', 'second'),
      store.append('run', 'one'),
      store.append('run', 'two'),
    ];
    await Promise.all(all);
    expect(await store.load('run')).toEqual({ snapshot: 'second', entries: ['one', 'two'] });
    await Promise.all([store.append('run', 'three'), store.delete('run'), store.save('run', 'third')]);
    expect(await store.load('run')).toEqual({ snapshot: 'third', entries: [] });
  });

  it.each(Object.entries(texts))('keeps a text %s', async (_, text) => {
    const store = make();
    await store.save('run', text);
    await store.append('run', text);
    await store.append('run', 'between');
    await store.append('run', text);
    expect(await store.load('run')).toEqual({ snapshot: text, entries: [text, 'between', text] });
  });

  it.each([
    'a/b',
    '../up',
    '..',
    '.',
    'a\\b',
    'C:',
    'CON',
    'a b',
    'ü☂👩‍👩‍👧',
    '%2F',
    '%',
    'a*b?<>|"',
    '\n',
    '~',
    'run.checkpoint',
    'a.b',
    '-rf',
  ])('takes the run id %j', async (id) => {
    const store = make();
    await store.save(id, 'snapshot');
    await store.append(id, 'entry');
    await store.save(`${id}/1`, 'other');
    expect(await store.load(id)).toEqual({ snapshot: 'snapshot', entries: ['entry'] });
    expect((await store.list()).toSorted()).toEqual([id, `${id}/1`].toSorted());
    await store.delete(id);
    expect(await store.list()).toEqual([`${id}/1`]);
  });

  it('does not confuse run ids that look alike', async () => {
    const store = make();
    const ids = ['a/b', 'a%2Fb', 'a_b', 'a b', 'a+b', 'a%20b', '\u00fc', 'u\u0308'];
    for (const id of ids) await store.save(id, id);
    for (const id of ids) expect((await store.load(id))?.snapshot).toBe(id);
    expect((await store.list()).toSorted()).toEqual(ids.toSorted());
  });

  it('returns copies, so that changing a loaded checkpoint does not change the store', async () => {
    const store = make();
    await store.save('run', 'snapshot');
    await store.append('run', 'entry');
    const { entries } = (await store.load('run')) as unknown as { entries: string[] };
    entries.push('mine');
    (await store.list()).push('mine');
    expect(await store.load('run')).toEqual({ snapshot: 'snapshot', entries: ['entry'] });
    expect(await store.list()).toEqual(['run']);
  });

  it('can be read while it is written', async () => {
    const store = make();
    await store.save('run', 'snapshot');
    const writing = Array.from({ length: 50 }, (_, index) => store.append('run', `${index} ${'x'.repeat(10_000)}`));
    const loads = await Promise.all(Array.from({ length: 20 }, () => store.load('run')));
    await Promise.all(writing);
    const { entries = [] } = (await store.load('run')) ?? {};
    expect(entries).toHaveLength(50);
    for (const load of loads) expect(load?.entries).toEqual(entries.slice(0, load?.entries.length));
  });
});

describe('a file checkpoint store', () => {
  it('finds what another store has written to its directory', async () => {
    const first = numbering(new FileCheckpointStore(directory));
    await first.save('a/b', 'snapshot');
    await first.append('a/b', 'one');
    const second = numbering(new FileCheckpointStore(directory));
    expect(await second.list()).toEqual(['a/b']);
    await second.load('a/b');
    await second.append('a/b', 'two');
    expect(await numbering(new FileCheckpointStore(directory)).load('a/b')).toEqual({
      snapshot: 'snapshot',
      entries: ['one', 'two'],
    });
    await second.delete('a/b');
    expect(await readdir(directory)).toEqual([]);
  });

  it('writes only into its directory', async () => {
    const inner = join(directory, 'inner');
    const store = numbering(new FileCheckpointStore(inner));
    for (const id of ['../out', '..', '/etc/x', 'a/../../b']) await store.save(id, 'snapshot');
    expect(await readdir(directory)).toEqual(['inner']);
    expect(await readdir(inner)).toHaveLength(4);
  });

  it('takes each run id that fits into a file name, and refuses those that do not by name', async () => {
    const store = numbering(new FileCheckpointStore(directory));
    for (let length = 200; length < 300; length++) {
      const id = 'x'.repeat(length);
      const error = await store.save(id, 'snapshot').then(
        () => undefined,
        (thrown) => thrown,
      );
      if (error === undefined) expect(await store.load(id)).toEqual({ snapshot: 'snapshot', entries: [] });
      else {
        expect(error).toBeInstanceOf(ValidationError);
        expect(error.message).toMatch(/^runId must be/);
      }
    }
    expect(await rejection(store.save('☂'.repeat(100), 'snapshot'))).toMatchObject({ name: 'ValidationError' });
    expect(await rejection(store.load('x'.repeat(1000)))).toMatchObject({ name: 'ValidationError' });
    expect(await store.list()).toContain('x'.repeat(200));
  });

  it.each(['', 7, null, undefined, {}, 'a\ud800b'])('refuses the run id %j by name', async (id) => {
    const store = numbering(new FileCheckpointStore(directory));
    for (const call of [
      () => store.save(id as string, 'x'),
      () => store.append(id as string, 'x'),
      () => store.load(id as string),
      () => store.delete(id as string),
    ]) {
      const error = await rejection((async () => call())());
      expect(error).toBeInstanceOf(ValidationError);
      expect(error).toMatchObject({ message: expect.stringMatching(/^runId must be/) });
    }
    expect(await readdir(directory)).toEqual([]);
  });

  it('does not list files that are not its own', async () => {
    const store = numbering(new FileCheckpointStore(directory));
    await store.save('mine', 'snapshot');
    for (const name of ['notes.txt', 'mine.checkpoint.1234', '.checkpoint', '%zz.checkpoint']) {
      await writeFile(join(directory, name), 'x');
    }
    expect(await store.list()).toEqual(['mine']);
  });

  it('leaves nothing beside its files', async () => {
    const store = numbering(new FileCheckpointStore(directory));
    for (let index = 0; index < 5; index++) await store.save('run', `snapshot ${index}`);
    expect(await readdir(directory)).toEqual(['run.run']);
  });

  it('reports that it cannot write', async () => {
    await writeFile(join(directory, 'file'), 'x');
    const store = numbering(new FileCheckpointStore(join(directory, 'file')));
    expect(await rejection(store.save('run', 'snapshot'))).toMatchObject({ code: expect.any(String) });
    expect(await rejection(store.append('run', 'entry'))).toMatchObject({ code: expect.any(String) });
  });

  it('continues after a failed write', async () => {
    const store = numbering(new FileCheckpointStore(directory));
    await store.save('run', 'snapshot');
    await store.append('run', 'one');
    const path = await onlyFile();
    const kept = await readFile(path);
    await rm(path);
    await rejection(store.append('run', 'two'));
    await writeFile(path, kept);
    await store.append('run', 'three');
    expect(await store.load('run')).toEqual({ snapshot: 'snapshot', entries: ['one', 'three'] });
  });
});

/** The output and the end of a child process. */
interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

let programs = 0;

/** Runs a program in a child process. */
async function inChild(program: string, args: readonly unknown[], shell?: string): Promise<Ended> {
  const path = join(directory, `program-${++programs}.mjs`);
  await writeFile(path, program.replace('orchestrator/flow', compiledSource('flow')));
  const command = [process.execPath, path, ...args.map(String)];
  const child =
    shell === undefined
      ? spawn(command[0] as string, command.slice(1), { cwd: root })
      : spawn('bash', ['-c', `${shell}; exec "$@"`, 'bash', ...command], { cwd: root });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
    });
  }
  const { promise, resolve, reject } = deferred<[number | null, NodeJS.Signals | null]>();
  child.on('error', reject).on('close', (code, signal) => resolve([code, signal]));
  const [code, signal] = await promise;
  return { code, signal, lines: output.stdout.split('\n').slice(0, -1), errors: output.stderr };
}

/** Calls a function for each item, a few items at a time. */
async function forEach<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

/**
 * Writes entries and snapshots, reports which are saved, and kills itself the given number of event loop rounds after
 * one of them.
 */
const writer = `
import { writeSync } from 'node:fs';
import { FileCheckpointStore } from 'orchestrator/flow';
const [directory, after, rounds, size] = process.argv.slice(2);
const store = new FileCheckpointStore(directory);
const entry = (number) => number + ':' + 'x'.repeat(Number(size)) + ':' + number;
const round = () => new Promise((resolve) => setImmediate(resolve));
await store.save('run', entry(0), 0);
writeSync(1, 'saved 0\\n');
for (let number = 1; ; number++) {
  const writing = store.append('run', number, entry(number));
  if (number > Number(after)) {
    for (let left = Number(rounds); left > 0; left--) await round();
    process.kill(process.pid, 'SIGKILL');
  }
  await writing;
  writeSync(1, 'saved ' + number + '\\n');
}
`;

describe('a program that is killed while it saves', () => {
  it('never leaves half a checkpoint, and has everything that was reported as saved', {
    timeout: 300_000,
  }, async () => {
    const points = [3, 4].flatMap((after) =>
      [0, 1, 2, 3, 5, 8, 13, 40].map((rounds) => ({ after, rounds, size: rounds % 2 === 0 ? 4_000_000 : 100 })),
    );
    await forEach(points, async ({ after, rounds, size }) => {
      const place = join(directory, `${after}-${rounds}`);
      const { signal, lines, errors } = await inChild(writer, [place, after, rounds, size]);
      expect(signal, errors).toBe('SIGKILL');
      expect(lines).toHaveLength(after + 1);
      const checkpoint = await new FileCheckpointStore(place).load('run');
      const texts = [checkpoint?.snapshot ?? '', ...(checkpoint?.entries ?? [])];
      const numbers = texts.map((text) => {
        const [number, filling, same] = text.split(':');
        expect({ length: filling?.length, same }).toEqual({ length: size, same: number });
        return Number(number);
      });
      const [first = -1] = numbers;
      expect(first % 4).toBe(0);
      expect(numbers).toEqual(numbers.map((_, index) => first + index));
      expect([after, after + 1]).toContain(numbers.at(-1));
      const next = new FileCheckpointStore(place);
      await next.append('run', Number(numbers.at(-1)) + 1, 'next');
      expect((await next.load('run'))?.entries).toEqual([...texts.slice(1), 'next']);
    });
  });
});

/** Writes until the disk is full. Refused writes were not saved. */
const filler = `
import { writeSync } from 'node:fs';
import { FileCheckpointStore } from 'orchestrator/flow';
const [directory, what] = process.argv.slice(2);
process.on('SIGXFSZ', () => {});
const store = new FileCheckpointStore(directory);
await store.save('run', 'snapshot', 0);
writeSync(1, 'saved\\n');
for (let number = 1; number < 100; number++) {
  const text = number + ':' + 'x'.repeat(what === 'entries' ? 1_000 : 1_000 * number) + ':' + number;
  try {
    await (what === 'entries' ? store.append('run', number, text) : store.save('run', text, 0));
    writeSync(1, text + '\\n');
  } catch (error) {
    writeSync(1, error.code + '\\n');
    break;
  }
}
`;

describe.skipIf(process.platform === 'win32')('a disk that is full', () => {
  it('rejects an entry that does not fit, and loses none that did', async () => {
    const place = join(directory, 'full');
    const { lines, errors } = await inChild(filler, [place, 'entries'], 'ulimit -f 10');
    expect(errors).toBe('');
    const store = numbering(new FileCheckpointStore(place));
    expect(await store.load('run')).toEqual({ snapshot: 'snapshot', entries: lines.slice(1, -1) });
    expect(lines.at(-1)).toBe('EFBIG');
    await store.append('run', 'next');
    expect((await store.load('run'))?.entries).toEqual([...lines.slice(1, -1), 'next']);
  });

  it('rejects a snapshot that does not fit, and keeps the one before it whole', async () => {
    const place = join(directory, 'full');
    const { lines, errors } = await inChild(filler, [place, 'snapshots'], 'ulimit -f 10');
    expect(errors).toBe('');
    const checkpoint = await new FileCheckpointStore(place).load('run');
    expect(checkpoint).toEqual({ snapshot: lines.at(-2), seq: 0, entries: [] });
    expect(lines.at(-1)).toBe('EFBIG');
  });
});

/**
 * A flow that executes its nodes one after another and records each execution. It dies at the given point, or
 * continues.
 */
const crasher = `
import { appendFileSync, writeSync } from 'node:fs';
import { FileCheckpointStore, Flow, withAction } from 'orchestrator/flow';
const [directory, log, mode, point, at] = process.argv.slice(2);
const die = () => process.kill(process.pid, 'SIGKILL');
let executions = 0;
const work = (value) => async (input, { runId, nodeId, visit, index = '' }) => {
  appendFileSync(log, runId + ':' + nodeId + '#' + visit + index + '\\n');
  if (point === 'in' && ++executions === Number(at)) die();
  return typeof value === 'function' ? value(input, visit) : value;
};
let saved = 0;
class Watched extends FileCheckpointStore {
  async save(...args) {
    await super.save(...args);
    if (point === 'saved' && ++saved === Number(at)) die();
  }
  async append(...args) {
    await super.append(...args);
    if (point === 'saved' && ++saved === Number(at)) die();
  }
}
const inner = new Flow('inner').node('x', work((input) => input + 1)).node('y', work((input) => input * 2)).edge('x', 'y');
const flow = new Flow('crash')
  .node('begin', async (input, args) => {
    args.context.since = new Date(0);
    return work(1)(input, args);
  })
  .node('count', work((_, visit) => withAction(visit < 3 ? 'again' : 'on', visit)))
  .node('sub', inner)
  .batch('each', work((item) => item * 10), { items: '[1.0, 2.0]', concurrency: 1 })
  .node('risky', () => Promise.reject(new RangeError('no')), { fallback: 'rescue' })
  .node('rescue', work('rescued'))
  .node('never', work('never'))
  .node('end', work((input) => input))
  .edge('begin', 'count')
  .edge('count', 'count', { action: 'again' })
  .edge('count', 'sub', { action: 'on' })
  .edge('sub', 'each')
  .edge('each', 'risky')
  .edge('risky', 'end', { condition: 'output == "rescued"' })
  .edge('risky', 'never', { condition: 'output != "rescued"' });
const checkpoint = new Watched(directory);
const result = mode === 'run' ? await flow.run({ user: 'Ada' }, { runId: 'crash', checkpoint }) : await flow.resume('crash', { checkpoint });
writeSync(1, JSON.stringify({ ...result, errors: result.errors.map(({ nodeId, recoveredBy }) => ({ nodeId, recoveredBy })), completed: result.completed.toSorted() }) + '\\n');
`;

describe('a run whose program is killed', () => {
  const executions = [
    'begin#1',
    'count#1',
    'count#2',
    'count#3',
    'x#1',
    'y#1',
    'each#10',
    'each#11',
    'rescue#1',
    'end#1',
  ];

  async function crash(point: string, at: number, more: (place: string) => Promise<void> = async () => {}) {
    const place = join(directory, `${point}-${at}`);
    const log = `${place}.log`;
    await writeFile(log, '');
    const first = await inChild(crasher, [place, log, 'run', point, at]);
    const before = (await readFile(log, 'utf8')).split('\n').slice(0, -1);
    await more(place);
    const second = first.signal === null ? first : await inChild(crasher, [place, log, 'resume', 'nowhere', 0]);
    const after = (await readFile(log, 'utf8')).split('\n').slice(0, -1).slice(before.length);
    const [text = `"${second.errors}"`] = second.lines;
    const short = (lines: string[]) => lines.map((line) => line.slice(line.indexOf(':') + 1));
    return { signal: first.signal, before: short(before), after: short(after), result: JSON.parse(text), log };
  }

  it('continues where it stopped, without repeating completed nodes', { timeout: 300_000 }, async () => {
    const whole = await crash('nowhere', 0);
    expect(whole).toMatchObject({ signal: null, before: executions, after: [] });
    expect(whole.result).toMatchObject({
      status: 'completed',
      skipped: ['never'],
      context: { user: 'Ada', since: new Date(0).toISOString(), count: 3, sub: 8, each: [10, 20], risky: 'rescued' },
      errors: [{ nodeId: 'risky', recoveredBy: 'rescue' }],
    });
    const points = executions.map((_, index) => ['in', index + 1] as const);
    await forEach(points, async ([point, at]) => {
      const { signal, before, after, result } = await crash(point, at);
      expect(signal).toBe('SIGKILL');
      expect(before).toEqual(executions.slice(0, at));
      expect({ at, after }).toEqual({ at, after: executions.slice(at - 1) });
      expect(result).toEqual(whole.result);
    });
  });

  it('continues after each saved entry', { timeout: 300_000 }, async () => {
    const whole = await crash('nowhere', 0);
    const points = [1, 2, 3, 5, 6, 7, 9, 11, 13, 15];
    await forEach(points, async (at) => {
      const { before, after, result } = await crash('saved', at);
      expect({ at, all: [...before, ...after] }).toEqual({ at, all: executions });
      expect(result).toEqual(whole.result);
    });
  });

  it('continues if the last line was cut off', { timeout: 300_000 }, async () => {
    const cut = async (place: string) => {
      const path = join(place, 'crash.run');
      const { length } = await readFile(path);
      await truncate(path, length - 3);
    };
    const { before, after, result } = await crash('in', 4, cut);
    expect(before).toEqual(executions.slice(0, 4));
    expect(after).toEqual(executions.slice(2));
    expect(result).toMatchObject({ status: 'completed', context: { count: 3 } });
  });
});

const stores: [string, () => CheckpointStore][] = [
  ['memory', () => new MemoryCheckpointStore()],
  ['files', () => new FileCheckpointStore(directory)],
];

describe.each(stores)('a run that is saved in %s', (_kind, make) => {
  /** A flow whose middle node fails in the first run. */
  function flaky() {
    const calls: string[] = [];
    let failures = 1;
    const node = (id: string) => (input: unknown) => {
      calls.push(id);
      if (id === 'b' && failures-- > 0) throw new RangeError('not yet');
      return `${id}(${input})`;
    };
    const flow = new Flow('flaky')
      .node('a', node('a'))
      .node('b', node('b'))
      .node('c', node('c'))
      .node('side', node('side'))
      .edge('a', 'b')
      .edge('b', 'c')
      .edge('a', 'side');
    return { flow, calls };
  }

  it('is resumed by its id, and repeats no completed node', async () => {
    const checkpoint = make();
    const { flow, calls } = flaky();
    const failed = await flow.run({ user: 'Ada' }, { runId: 'run-1', checkpoint, input: 'i' });
    expect(failed).toMatchObject({ runId: 'run-1', status: 'failed' });
    expect(calls).toEqual(['a', 'b', 'side']);
    const result = await flow.resume('run-1', { checkpoint });
    expect(calls).toEqual(['a', 'b', 'side', 'b', 'c']);
    expect(result).toMatchObject({
      runId: 'run-1',
      status: 'completed',
      errors: [],
      context: { user: 'Ada', a: 'a(i)', b: 'b(a(i))', c: 'c(b(a(i)))', side: 'side(a(i))' },
    });
  });

  it('repeats nothing when it is resumed again', async () => {
    const checkpoint = make();
    const { flow, calls } = flaky();
    await flow.run({}, { runId: 'run-1', checkpoint });
    const first = await flow.resume('run-1', { checkpoint });
    const count = calls.length;
    const second = await flow.resume('run-1', { checkpoint });
    expect(calls).toHaveLength(count);
    expect(second).toMatchObject({ status: 'completed', context: first.context, output: first.output });
    expect(second.completed.toSorted()).toEqual(first.completed.toSorted());
  });

  it('is resumed by another runtime, from JSON', async () => {
    const checkpoint = make();
    const { flow, calls } = flaky();
    await flow.run({}, { runId: 'run-1', checkpoint });
    const blueprint = JSON.parse(JSON.stringify(flow.toBlueprint()));
    const runtime = new FlowRuntime({ registry: flow.registry });
    expect(await runtime.resume(blueprint, 'run-1', { checkpoint })).toMatchObject({ status: 'completed' });
    expect(calls).toEqual(['a', 'b', 'side', 'b', 'c']);
  });

  it('keeps what nodes change in the context: set, changed inside, removed', async () => {
    const checkpoint = make();
    const flow = new Flow('keys')
      .node('a', (_: unknown, { context }: NodeArgs) => {
        context.added = new Map([['since', new Date(0)]]);
        context.list.push(2);
        context.user.name = 'Bob';
        context.gone = 1;
        delete context.old;
      })
      .node('b', (_: unknown, { context }: NodeArgs) => {
        delete context.gone;
        context.list.push(3);
        context.nothing = undefined;
      })
      .wait('c')
      .node('d', (_: unknown, { context }: NodeArgs) => ({ ...context }))
      .edge('a', 'b')
      .edge('b', 'c')
      .edge('c', 'd');
    await flow.run({ list: [1], user: { name: 'Ada' }, old: 1 }, { runId: 'run', checkpoint });
    const { context } = await flow.resume('run', { checkpoint, events: { c: 'now' } });
    expect(context.d).toStrictEqual({
      list: [1, 2, 3],
      user: { name: 'Bob' },
      added: new Map([['since', new Date(0)]]),
      nothing: undefined,
      c: 'now',
    });
    expect(Object.keys(context)).not.toContain('old');
    expect(Object.keys(context)).not.toContain('gone');
  });

  it('keeps outputs of all kinds', async () => {
    const checkpoint = make();
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const output = { date: new Date(0), map: new Map([[1, new Set([2n])]]), nothing: undefined, nan: NaN, circle };
    const flow = new Flow('kinds')
      .node('a', () => output)
      .node('none', () => undefined)
      .wait('w')
      .node('b', (input: unknown) => input, { inputs: { a: 'a', none: 'none' } })
      .edge('a', 'w')
      .edge('none', 'w')
      .edge('w', 'b');
    await flow.run({}, { runId: 'run', checkpoint });
    const result = await flow.resume('run', { checkpoint, events: { w: 1 } });
    expect(result.context.b.a).toEqual(output);
    expect(result.context.b.a.circle.self).toBe(result.context.b.a.circle);
    expect(result.context.b.none).toBeUndefined();
    expect(result.completed.toSorted()).toEqual(['a', 'b', 'none', 'w']);
  });

  it('keeps the errors of its nodes, with their types', async () => {
    const checkpoint = make();
    const cause = Object.assign(new RangeError('too far', { cause: new TypeError('why') }), { code: 'ERR_FAR' });
    const flow = new Flow('errors')
      .node('a', () => Promise.reject(cause), { fallback: 'b', retry: { retries: 1, minTimeout: 0 } })
      .node('b', () => 'b')
      .wait('c')
      .edge('a', 'c');
    const waiting = await flow.run({}, { runId: 'run', checkpoint });
    const result = await flow.resume('run', { checkpoint, events: { c: 1 } });
    for (const { errors } of [waiting, result]) {
      expect(errors).toMatchObject([{ name: 'NodeError', nodeId: 'a', attempts: 2, recoveredBy: 'b' }]);
      expect(errors[0]?.cause).toBeInstanceOf(RangeError);
      expect(errors[0]?.cause).toMatchObject({ message: 'too far', code: 'ERR_FAR', cause: { message: 'why' } });
    }
  });

  it('is refused where its blueprint has changed, naming both versions', async () => {
    const checkpoint = make();
    const { flow, calls } = flaky();
    await flow.run({}, { runId: 'run-1', checkpoint });
    const changed = flaky();
    (changed.flow as Flow<Context, unknown, string>).node('more', () => 1).edge('c', 'more');
    const error = await rejection(changed.flow.resume('run-1', { checkpoint }));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({ code: 'ERR_CHECKPOINT', runId: 'run-1' });
    expect((error as Error).message).toMatch(
      /^run "run-1" is of version \S+ of "flaky", and this is version \S+ \(node added: "more"; edge added: "c" → "more"\): continue it with the flow as it was/,
    );
    const versions = (error as Error).message.match(/version (\S+)/g);
    expect(new Set(versions).size).toBe(2);
    expect(changed.calls).toEqual([]);
    expect((await flow.resume('run-1', { checkpoint })).status).toBe('completed');
    expect(calls).toEqual(['a', 'b', 'side', 'b', 'c']);
  });

  it('uses the version of the author if there is one', async () => {
    const checkpoint = make();
    const make1 = (version: string, params = {}) =>
      new Flow('versions', { version })
        .wait('a')
        .node('b', (input: unknown) => input, { params })
        .edge('a', 'b');
    await make1('v1').run({}, { runId: 'run', checkpoint });
    const error = await rejection(make1('v2').resume('run', { checkpoint, events: { a: 1 } }));
    expect(error).toMatchObject({
      name: 'CheckpointError',
      message: expect.stringMatching(/^run "run" is of version v1 of "versions", and this is version v2: continue it/),
    });
    const result = await make1('v1', { changed: true }).resume('run', { checkpoint, events: { a: 1 } });
    expect(result.status).toBe('completed');
  });

  it('is refused by a flow of another name', async () => {
    const checkpoint = make();
    const { flow } = flaky();
    await flow.run({}, { runId: 'run-1', checkpoint });
    expect(await rejection(new Flow('other').node('a', () => 1).resume('run-1', { checkpoint }))).toMatchObject({
      name: 'CheckpointError',
      message: 'run "run-1" is a run of "flaky", not of "other": continue it with the flow "flaky"',
    });
  });

  it('is refused where it is unknown', async () => {
    const checkpoint = make();
    expect(await rejection(flaky().flow.resume('nobody', { checkpoint }))).toMatchObject({
      name: 'CheckpointError',
      code: 'ERR_CHECKPOINT',
      runId: 'nobody',
      message: 'run "nobody" is not in the checkpoint store: call list() for the ids of all stored runs',
    });
    expect(await rejection(flaky().flow.resume('nobody'))).toMatchObject({ name: 'CheckpointError' });
    expect(await checkpoint.list()).toEqual([]);
  });

  it('cannot be started again under the same id, unless it was deleted', async () => {
    const checkpoint = make();
    const { flow, calls } = flaky();
    await flow.run({}, { runId: 'run-1', checkpoint });
    const before = await checkpoint.load('run-1');
    const count = calls.length;
    const error = await rejection(flow.run({}, { runId: 'run-1', checkpoint }));
    expect(error).toMatchObject({
      name: 'CheckpointError',
      runId: 'run-1',
      message: expect.stringContaining('already'),
    });
    expect(calls).toHaveLength(count);
    expect(await checkpoint.load('run-1')).toEqual(before);
    await checkpoint.delete('run-1');
    expect((await flow.run({}, { runId: 'run-1', checkpoint })).status).toBe('completed');
  });

  it.each([
    ['no text that can be read', 'x'],
    ['nothing', serializer.serialize(null)],
    ['a number', serializer.serialize(7)],
    ['an empty object', serializer.serialize({})],
    ['a list', serializer.serialize([])],
    ['the half of a text', '[{"flow":1'],
  ])('is refused where its snapshot is %s', async (_, snapshot) => {
    const checkpoint = make();
    const { flow, calls } = flaky();
    await checkpoint.save('run-1', snapshot, 0);
    const error = await rejection(flow.resume('run-1', { checkpoint }));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({ runId: 'run-1' });
    expect(calls).toEqual([]);
  });

  it.each([
    ['no text that can be read', 'x'],
    ['nothing', serializer.serialize(null)],
    ['an empty object', serializer.serialize({})],
    ['of an unknown type', serializer.serialize({ happening: { type: 'danced', nodeId: 'a' } })],
    ['of an unknown node', serializer.serialize({ happening: { type: 'completed', nodeId: 'x', passed: [] } })],
  ])('is refused where an entry is %s', async (_, entry) => {
    const checkpoint = make();
    const { flow, calls } = flaky();
    await flow.run({}, { runId: 'run-1', checkpoint });
    const count = calls.length;
    const { seq, entries } = (await checkpoint.load('run-1')) as Checkpoint;
    const next = seq + entries.length + 1;
    await checkpoint.append('run-1', next, seal(next, entry));
    const error = await rejection(flow.resume('run-1', { checkpoint }));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({ runId: 'run-1' });
    expect(calls).toHaveLength(count);
  });

  it.each(['position', 'context', 'errors', 'awaiting', 'passed', 'actions', 'items', 'children'])(
    'is refused where its snapshot has a wrong %s',
    async (field) => {
      const checkpoint = make();
      const flow = new Flow('fields')
        .wait('a')
        .node('b', () => 1)
        .edge('a', 'b');
      await flow.run({}, { runId: 'run', checkpoint });
      const { snapshot, seq, entries } = unseal('run', (await checkpoint.load('run')) as Checkpoint);
      for (const wrong of [null, 7, 'x', undefined]) {
        const saved = { ...(serializer.deserialize(snapshot) as object), [field]: wrong };
        await checkpoint.save('run', serializer.serialize(saved), seq + entries.length);
        expect(await rejection(flow.resume('run', { checkpoint }))).toBeInstanceOf(CheckpointError);
      }
    },
  );

  it('fails the node whose output cannot be saved, naming the path', async () => {
    const checkpoint = make();
    const flow = new Flow('output')
      .node('a', () => ({ order: { lines: [{ pay: () => 1 }] } }))
      .node('b', () => 'b')
      .node('c', () => 'c')
      .edge('a', 'b');
    const result = await flow.run({}, { runId: 'run', checkpoint });
    expect(result).toMatchObject({ status: 'failed', completed: ['c'] });
    expect(result.errors).toMatchObject([{ nodeId: 'a', cause: { name: 'SerializationError' } }]);
    expect(result.errors[0]?.message).toContain('order.lines[0].pay');
    expect(result.context).not.toHaveProperty('a');
    expect(result.unreached).toMatchObject([{ nodeId: 'b' }]);
    const again = await flow.resume('run', { checkpoint });
    expect(again).toMatchObject({ status: 'failed', completed: ['c'] });
  });

  it('has a fallback stand in for a node whose output cannot be saved', async () => {
    const checkpoint = make();
    const flow = new Flow('output')
      .node('a', () => ({ act: () => 1 }), { fallback: 'f' })
      .node('f', () => 'f')
      .node('b', (input: unknown) => input)
      .edge('a', 'b');
    const result = await flow.run({}, { runId: 'run', checkpoint });
    expect(result).toMatchObject({ status: 'completed', output: 'f', errors: [{ nodeId: 'a', recoveredBy: 'f' }] });
  });

  it('fails the node that puts into the context what cannot be saved, naming the key', async () => {
    const checkpoint = make();
    const flow = new Flow('context')
      .node('a', (_: unknown, { context }: NodeArgs) => {
        context.client = { connect: () => 1 };
      })
      .node('b', () => 'b')
      .edge('a', 'b');
    const result = await flow.run({}, { runId: 'run', checkpoint });
    expect(result).toMatchObject({ status: 'failed', completed: [] });
    expect(result.errors).toMatchObject([{ nodeId: 'a', cause: { name: 'SerializationError' } }]);
    expect(result.errors[0]?.message).toContain('context.client.connect');
  });

  it('is refused before anything runs where its context cannot be saved', async () => {
    const checkpoint = make();
    const { flow, calls } = flaky();
    const error = await rejection(flow.run({ client: { connect: () => 1 } }, { runId: 'run', checkpoint }));
    expect(error).toBeInstanceOf(SerializationError);
    expect((error as Error).message).toContain('context.client.connect');
    expect(calls).toEqual([]);
    expect(await checkpoint.list()).toEqual([]);
    const input = await rejection(flow.run({}, { runId: 'run', checkpoint, input: { act: () => 1 } }));
    expect((input as Error).message).toContain('input.act');
  });

  it('saves a failure whatever was thrown', async () => {
    const thrown = [Symbol('x'), () => 1, undefined, null, 7, { circle: new WeakMap() }];
    for (const [index, reason] of thrown.entries()) {
      const checkpoint = make();
      const flow = new Flow('thrown')
        .node('a', () => {
          throw reason;
        })
        .node('b', () => 'b');
      const result = await flow.run({}, { runId: `run-${index}`, checkpoint });
      expect(result).toMatchObject({ status: 'failed', completed: ['b'], errors: [{ nodeId: 'a' }] });
      expect(await flow.resume(`run-${index}`, { checkpoint })).toMatchObject({ status: 'failed' });
    }
  });

  it('does not apply what a failing store has not saved', async () => {
    const store = make();
    const calls: string[] = [];
    const checkpoint = over(store, {
      append: async (...args) => {
        if (calls.includes('b')) throw new Error('disk full');
        return store.append(...args);
      },
    });
    const node = (id: string) => () => calls.push(id);
    const flow = new Flow('full').node('a', node('a')).node('b', node('b')).node('c', node('c'));
    const chain = flow.edge('a', 'b').edge('b', 'c');
    expect(await rejection(chain.run({}, { runId: 'run', checkpoint }))).toMatchObject({ message: 'disk full' });
    expect(calls).toEqual(['a', 'b']);
    expect((await chain.resume('run', { checkpoint: store })).status).toBe('completed');
    expect(calls).toEqual(['a', 'b', 'b', 'c']);
  });
});

/** A flow with a few nodes, then a loop whose two branches complete at the same time, and then a wait. */
function looping(turns: number, before: number) {
  const calls: Record<string, number> = {};
  const count = (_: unknown, { nodeId }: NodeArgs) => {
    calls[nodeId] = (calls[nodeId] ?? 0) + 1;
  };
  let flow = new Flow<Context, unknown, string>('looping', { maxVisits: turns + 1 })
    .node('head', count)
    .node('x', count)
    .node('y', count)
    .node('join', (_: unknown, args: NodeArgs) => {
      count(_, args);
      args.context.turns = args.visit;
      return withAction(args.visit < turns ? 'again' : 'on', args.visit);
    })
    .wait('w')
    .node('end', (input: unknown) => input)
    .edge('head', 'x')
    .edge('head', 'y')
    .edge('x', 'join')
    .edge('y', 'join')
    .edge('join', 'head', { action: 'again' })
    .edge('join', 'w', { action: 'on' })
    .edge('w', 'end');
  for (let index = 0; index < before; index++) {
    flow = flow.node(`before${index}`, count).edge(`before${index}`, index === 0 ? 'head' : `before${index - 1}`);
  }
  return { flow, calls };
}

describe('a run with very many entries', () => {
  it.each([0, 1, 2, 3, 4, 5])('can be resumed wherever a snapshot came in between: %i nodes before', async (before) => {
    const checkpoint = new FileCheckpointStore(directory);
    const { flow, calls } = looping(300, before);
    const waiting = await flow.run({}, { runId: 'run', checkpoint });
    expect(waiting).toMatchObject({ status: 'awaiting', context: { turns: 300 } });
    const result = await new FlowRuntime().resume(flow, 'run', {
      checkpoint: new FileCheckpointStore(directory),
      events: { w: 'go' },
    });
    expect(result).toMatchObject({ status: 'completed', context: { turns: 300, join: 300, end: 'go' } });
    for (const node of ['head', 'x', 'y', 'join']) expect(calls[node]).toBe(300);
  });

  it('has everything that was reported as saved, at each moment', async () => {
    const store = new MemoryCheckpointStore();
    const saved: string[] = [];
    const checkpoint = over(store, {
      append: async (...args) => {
        await store.append(...args);
        saved.push(args[2]);
      },
    });
    const { flow } = looping(300, 3);
    await flow.run({}, { runId: 'run', checkpoint });
    const kept = await store.load('run');
    const count = kept?.entries.length ?? 0;
    expect(kept?.entries).toEqual(saved.slice(saved.length - count));
    const restored = await flow.resume('run', { checkpoint: store });
    expect(restored).toMatchObject({ status: 'awaiting', context: { turns: 300 } });
    expect(restored.completed.toSorted()).toEqual(['before0', 'before1', 'before2', 'head', 'join', 'x', 'y']);
  });

  it('does not let its file grow with the turns of a loop', async () => {
    const checkpoint = new FileCheckpointStore(directory);
    const flow = new Flow('turns', { maxVisits: 5_000 })
      .node('count', (_: unknown, { visit, context }: NodeArgs) => {
        context.last = visit;
        return withAction(visit < 2_500 ? 'again' : 'on', visit);
      })
      .wait('w')
      .edge('count', 'count', { action: 'again' })
      .edge('count', 'w', { action: 'on' });
    await flow.run({}, { runId: 'run', checkpoint });
    expect((await checkpoint.load('run'))?.entries.length).toBeLessThan(2_000);
    const result = await flow.resume('run', { checkpoint, events: { w: 1 } });
    expect(result).toMatchObject({ status: 'completed', context: { last: 2_500, count: 2_500 } });
  });

  it('can be a chain of 1,100 nodes that failed near its end', async () => {
    const checkpoint = new FileCheckpointStore(directory);
    let executed = 0;
    let failures = 1;
    const node = (input = 0) => {
      executed += 1;
      if (input === 1_090 && failures-- > 0) throw new Error('not yet');
      return input + 1;
    };
    const ids = Array.from({ length: 1_100 }, (_, index) => `n${index}`);
    const graph: Graph = {
      id: 'chain',
      nodes: ids.map((id) => ({ id, uses: 'node' })),
      edges: ids.slice(1).map((target, index) => ({ source: `n${index}`, target })),
    };
    const runtime = new FlowRuntime({ registry: { node } });
    expect(await runtime.run(graph, {}, { runId: 'run', checkpoint })).toMatchObject({ status: 'failed' });
    const result = await runtime.resume(graph, 'run', { checkpoint: new FileCheckpointStore(directory) });
    expect(result).toMatchObject({ status: 'completed', output: 1_100 });
    expect(executed).toBe(1_101);
  });

  it('does not repeat the items of a batch that are done', async () => {
    const checkpoint = new FileCheckpointStore(directory);
    const handled = new Map<number, number>();
    let failures = 1;
    const handle = async (item: number) => {
      handled.set(item, (handled.get(item) ?? 0) + 1);
      if (item === 1_234 && failures-- > 0) throw new Error('not yet');
      return item * 2;
    };
    const items = Array.from({ length: 1_500 }, (_, index) => index);
    const flow = new Flow('batch').batch('each', handle, { items: 'items' });
    expect(await flow.run({ items }, { runId: 'run', checkpoint })).toMatchObject({ status: 'failed' });
    const result = await flow.resume('run', { checkpoint: new FileCheckpointStore(directory) });
    expect(result).toMatchObject({ status: 'completed', output: items.map((item) => item * 2) });
    expect([...handled].filter(([, times]) => times > 1)).toEqual([[1_234, 2]]);
  });

  it('keeps the entries of a sub-flow in its own', async () => {
    const checkpoint = new FileCheckpointStore(directory);
    const { flow: inner, calls } = looping(300, 2);
    const outer = new Flow('outer')
      .node('sub', inner)
      .node('after', (input: unknown) => input)
      .edge('sub', 'after');
    const waiting = await outer.run({}, { runId: 'run', checkpoint });
    expect(waiting).toMatchObject({ status: 'awaiting', awaiting: [{ nodeId: 'sub/w', event: 'w' }] });
    const result = await outer.resume('run', { checkpoint: new FileCheckpointStore(directory), events: { w: 'go' } });
    expect(result).toMatchObject({ status: 'completed', output: 'go' });
    expect(calls.x).toBe(300);
    expect(calls.join).toBe(300);
  });
});
