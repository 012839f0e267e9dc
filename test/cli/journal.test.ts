import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Orchestrator } from 'orchestrator';
import { fileJournal, waitFor } from 'orchestrator/durable';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { call } from './call.js';

const orchestrator = new Orchestrator();
const work = orchestrator.action('work', async (text: string) => `${text}!`);
let directory: string;

beforeAll(async () => {
  directory = join(await temporaryDirectory(), 'runs');
  const journal = fileJournal(directory);
  await orchestrator.run(() => work('one'), { id: 'import/1', name: 'import', journal });
  await orchestrator
    .run(
      async () => {
        await work('two');
        throw new RangeError('no \u001b[31mroom');
      },
      { id: 'import/2', name: 'import', journal },
    )
    .catch(() => undefined);
  await journal.close();
});
afterAll(() => removeDirectory(join(directory, '..')));

const journal = (...args: string[]) => call(['journal', ...args, '--journal', directory]);
const json = async (...args: string[]) => JSON.parse((await journal(...args, '--json')).stdout);

describe('orchestrator journal', () => {
  it('lists runs, newest first, by name and status', async () => {
    const { stdout, code } = await journal('list');
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/).slice(0, 3))).toEqual([
      ['RUN', 'STATUS', 'NAME'],
      ['import/2', 'failed', 'import'],
      ['import/1', 'completed', 'import'],
      [''],
    ]);
    expect(await json('list', '--status', 'completed', '--name', 'import')).toEqual({
      runs: [{ id: 'import/1', name: 'import', status: 'completed', created: expect.any(Number) }],
    });
    expect(await journal('list', '--name', 'other')).toMatchObject({ stdout: '', stderr: 'no runs\n', code: 0 });
  });

  it('lists the other runs if one is damaged, and names that one', async () => {
    const file = join(directory, 'damaged.journal');
    await writeFile(file, 'garbage');
    const { stdout, stderr, code } = await journal('list', '--json');
    await rm(file);
    expect(code).toBe(1);
    expect(JSON.parse(stdout).runs).toHaveLength(2);
    expect(stderr).toMatch(/run "damaged" has a damaged journal in ".*": line 1 .*\n.*1 run cannot be read/);
  });

  it('shows a run with its last records, harmless to a terminal', async () => {
    const { stdout } = await journal('show', 'import/2', '--last', '2');
    expect(stdout).toMatch(/^run +import\/2\n/);
    expect(stdout).toMatch(/\nstatus +failed\nexecuted by +no program\n/);
    expect(stdout).toMatch(/\nerror +RangeError: no .*room\n/);
    expect(stdout).not.toContain('\u001b');
    expect(stdout.split('\n\n')[1]?.trimEnd().split('\n')).toEqual([
      expect.stringContaining('"j":"two!"'),
      expect.stringContaining('"end":"failed"'),
    ]);
    expect((await json('show', 'import/1')).run).toMatchObject({
      ...{ id: 'import/1', status: 'completed', lives: 1, result: 'one!' },
      records: [{ j: 'one!' }, { end: 'completed' }],
    });
  });

  it('sends a signal to a run that waits, and refuses to delete it before it has ended', async () => {
    const own = fileJournal(directory);
    const waiting = orchestrator.run(() => waitFor('approved'), { id: 'expense', journal: own });
    await eventually(async () => expect(await own.get('expense')).toBeDefined());
    expect(await journal('delete', 'expense')).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/run "expense" is being executed by process/),
    });
    expect(await journal('signal', 'expense', 'approved', '--value', '{"by":"eve"}')).toMatchObject({
      code: 0,
      stdout: 'expense has received approved\n',
    });
    expect(await waiting).toEqual({ by: 'eve' });
    await own.close();
    expect(await json('delete', 'expense')).toEqual({ deleted: ['expense'] });
    expect(await journal('show', 'expense')).toMatchObject({ code: 3 });
  });

  it('shows signals that wait, and cancels a run, executed or not', async () => {
    const own = fileJournal(directory);
    const controller = new AbortController();
    const run = (signal?: AbortSignal) =>
      orchestrator.run(() => waitFor('approved'), { id: 'expense', journal: own, ...(signal && { signal }) });
    const stopped = run(controller.signal).catch(() => undefined);
    await eventually(async () => expect(await own.get('expense')).toBeDefined());
    controller.abort();
    await stopped;
    await own.signal('expense', 'other');
    await own.signal('expense', 'two\u001b[31m', { secret: 1 });
    const { stdout } = await journal('show', 'expense');
    expect(stdout).toMatch(/\nsignals +other \(1\), two.* \(2\)\n/);
    expect(stdout).not.toContain('\u001b');
    expect((await json('show', 'expense')).run.signals).toEqual([
      { number: 1, name: 'other' },
      { number: 2, name: 'two\u001b[31m' },
    ]);
    const waiting = run().catch((error) => error);
    await eventually(async () => expect((await own.get('expense'))?.owner).toBeDefined());
    expect(await journal('cancel', 'expense')).toMatchObject({ code: 0, stdout: 'expense cancelled\n' });
    expect(await waiting).toMatchObject({ name: 'AbortError' });
    expect((await json('show', 'expense')).run).toMatchObject({ status: 'cancelled' });
    expect(await json('cancel', 'import/2')).toEqual({ id: 'import/2', ok: true });
    expect((await json('show', 'import/2')).run).toMatchObject({ status: 'cancelled' });
    expect(await journal('cancel', 'import/1')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('run "import/1" has completed'),
    });
    await own.close();
  });

  it('says what is wrong with its arguments', async () => {
    expect(await call(['journal', 'list'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("'--journal <directory>' not specified"),
    });
    expect(await call(['journal', 'list', '--journal', './nowhere'])).toMatchObject({
      code: 2,
      stderr: 'error: --journal: "./nowhere" is not a directory\n',
    });
    expect(await journal('show', 'import/2', '--last', 'x')).toMatchObject({ code: 2 });
    for (const args of [
      ['show', 'nobody'],
      ['signal', 'nobody', 'a'],
      ['cancel', 'nobody'],
      ['delete', 'nobody'],
    ])
      expect(await journal(...args)).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('there is no run "nobody"'),
      });
  });
});
