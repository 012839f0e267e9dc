import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fileJournal, type JournalRun } from 'orchestrator/durable';
import { afterAll, beforeAll, expect } from 'vitest';
import type { JournalRecord } from '../../../src/durable/records.js';
import { eventually } from '../../distributed/servers/eventually.js';
import { guardProcess, removeDirectory, temporaryDirectory } from '../../distributed/servers/reaper.js';
import { compiled } from '../../programs/compiled.js';

/*
 * Durable scopes whose programs are killed (SIGKILL) at chosen moments, and go on in the next program. An effect is a
 * line in a file of its own, with the idempotency key of its task.
 */

const program = compiled(new URL('program.ts', import.meta.url));
const preload = pathToFileURL(compiled(new URL('death.ts', import.meta.url))).href;

let parent: string;

beforeAll(async () => {
  parent = await temporaryDirectory();
});
afterAll(() => removeDirectory(parent));

/** The end of a life. */
export interface Life {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly told: { readonly result?: unknown; readonly error?: string } | undefined;
  readonly errors: string;
}

/** A program that executes a scope. */
interface Program {
  readonly pid: number;
  readonly ended: Promise<Life>;
  kill(signal?: NodeJS.Signals): Promise<Life>;
}

interface ProgramOptions {
  /** The moment of the program's death, as described in `death.ts`. Default: the program ends by itself. */
  readonly death?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A durable scope, over all of its lives. */
export class Scope {
  private constructor(
    /** Directory of the effects, and by default of the journal. */
    readonly directory: string,
    readonly runs: string,
  ) {}

  /** @param runs - directory of the journal. Default: a new one */
  static async create(runs?: string): Promise<Scope> {
    const directory = await mkdtemp(join(parent, 'run-'));
    await writeFile(join(directory, 'effects'), '');
    return new Scope(directory, runs ?? join(directory, 'runs'));
  }

  /** Copies the scope as it is. */
  async copy(): Promise<Scope> {
    const copy = await Scope.create();
    await cp(this.directory, copy.directory, { recursive: true });
    return copy;
  }

  /** Starts a program. */
  begin(name: string, { death = '', env = {} }: ProgramOptions = {}): Program {
    const preloaded = death === '' ? [] : ['--import', preload];
    const child = spawn(process.execPath, [...preloaded, program, this.directory, name], {
      env: { ...process.env, DEATH: death, RUNS: this.runs, ...env },
    });
    guardProcess(child);
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text;
      });
    }
    const ended = new Promise<Life>((resolve, reject) => {
      child.on('error', reject).on('close', (code, signal) => {
        const told = output.stdout === '' ? undefined : JSON.parse(output.stdout);
        resolve({ signal, code, told, errors: output.stderr });
      });
    });
    const kill = (signal: NodeJS.Signals = 'SIGKILL') => {
      child.kill(signal);
      return ended;
    };
    return { pid: Number(child.pid), ended, kill };
  }

  /** Runs a program until its end, and expects that it repeats nothing that was recorded before. */
  async live(name: string, options: ProgramOptions = {}): Promise<Life> {
    const check = await this.watch();
    const life = await this.begin(name, options).ended;
    expect(life.errors).toBe('');
    await check();
    return life;
  }

  /** Runs a program that dies. */
  async die(name: string, death: string, options: ProgramOptions = {}): Promise<void> {
    expect(await this.live(name, { ...options, death })).toMatchObject({ signal: 'SIGKILL' });
  }

  /** Returns a function that expects that nothing was repeated that is recorded now. */
  async watch(): Promise<() => Promise<void>> {
    const recorded = keysOf(await this.read());
    const before = (await this.lines()).length;
    return async () => {
      const repeated = (await this.lines()).slice(before).filter((line) => recorded.has(line.split(' ').at(-1) ?? ''));
      expect(repeated).toEqual([]);
    };
  }

  /** Reads the run, which may have an owner. */
  async read(): Promise<JournalRun | undefined> {
    return fileJournal(this.runs).get('run');
  }

  async records(): Promise<JournalRecord[]> {
    return ((await this.read())?.records ?? []).map((text) => JSON.parse(text));
  }

  signal(name: string, value: unknown): Promise<void> {
    return fileJournal(this.runs).signal('run', name, value);
  }

  cancel(): Promise<void> {
    return fileJournal(this.runs).cancel('run');
  }

  async lines(): Promise<readonly string[]> {
    return (await readFile(join(this.directory, 'effects'), 'utf8')).split('\n').slice(0, -1);
  }

  /** Waits until an effect has happened. */
  async until(effect: string): Promise<void> {
    await eventually(async () => (await this.lines()).some((line) => line.startsWith(effect)));
  }

  /** How often each effect has happened. */
  async effects(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const line of await this.lines()) counts.set(line, (counts.get(line) ?? 0) + 1);
    return counts;
  }

  /** How often each effect has happened, without the keys. Expects that a task had the same key in each life. */
  async times(): Promise<Record<string, number>> {
    const counts = [...(await this.effects())].map(
      ([line, count]) => [line.replace(/ [\w-]{43}$/, ''), count] as const,
    );
    expect(new Set(counts.map(([name]) => name)).size).toBe(counts.length);
    return Object.fromEntries(counts);
  }

  /** Creates a file for which tasks of the scope wait. */
  async put(file: 'go' | 'up'): Promise<void> {
    await writeFile(join(this.directory, file), '');
  }
}

/** Returns the idempotency keys of the tasks that have an outcome. The failures that have ended a run are void. */
function keysOf(run: JournalRun | undefined): ReadonlySet<string> {
  const identities = new Set<string>();
  for (const text of run?.records ?? []) {
    const record: JournalRecord = JSON.parse(text);
    if ('end' in record) for (const identity of record.v ?? []) identities.delete(identity);
    else if ('i' in record && !('d' in record || 'b' in record)) identities.add(record.i);
  }
  const keyOf = (identity: string) =>
    createHash('sha256')
      .update(JSON.stringify(['run', run?.created, identity]))
      .digest('base64url');
  return new Set([...identities].map(keyOf));
}
