import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Orchestrator } from 'orchestrator';
import { fileJournal, JournalError, memoryJournal, sleep, waitFor } from 'orchestrator/durable';
import { describe, expect, it } from 'vitest';
import { compiled } from '../programs/compiled.js';
import { deferred, rejection } from '../support.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = compiled(new URL('fixtures/waiting.ts', import.meta.url));

describe('waitFor', () => {
  it('keeps a program alive in which nothing else happens, until the signal arrives', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'waiting-'));
    const child = spawn(process.execPath, [program, directory], { cwd: root });
    try {
      const [output, closed] = [text(child.stdout), once(child, 'close')];
      await Promise.race([once(child.stdout, 'data'), closed]);
      const journal = fileJournal(directory);
      // Longer than a program takes to end that waits for nothing.
      const ended = await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 1_000))]);
      expect(ended).toBeUndefined();
      await journal.signal('run', 'approved', { by: 'eve' });
      expect(await closed).toEqual([0, null]);
      expect(await output).toBe('waits\napproved by eve\n');
    } finally {
      child.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    }
  }, 60_000);
});

describe('journal.close()', () => {
  const waits: Record<string, () => Promise<unknown>> = {
    'waits for a signal': () => waitFor('approved'),
    sleeps: () => sleep(3_600_000),
  };
  for (const [name, wait] of Object.entries(waits)) {
    it(`ends a run that ${name}, and the next life goes on`, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'closing-'));
      const orchestrator = new Orchestrator();
      const begun = deferred();
      const work = orchestrator.action('work', () => 1);
      const script = async () => {
        await work();
        begun.resolve();
        await wait();
      };
      const journal = fileJournal(directory);
      const run = rejection(orchestrator.run(script, { id: 'run', journal }));
      await begun.promise;
      await journal.close();
      expect(await run).toBeInstanceOf(JournalError);
      expect(await run).toMatchObject({ message: expect.stringMatching(/^run "run" was given up, because/) });
      const again = fileJournal(directory);
      expect(await again.get('run')).toMatchObject({ status: 'running', owner: undefined, lives: 1 });
      await again.close();
      await rm(directory, { recursive: true, force: true });
    });
  }

  it('aborts the task that is under way', async () => {
    const orchestrator = new Orchestrator();
    const journal = memoryJournal();
    const [begun, aborted] = [deferred(), deferred()];
    const work = orchestrator.action('work', async () => {
      orchestrator.signal.addEventListener('abort', () => aborted.resolve());
      begun.resolve();
      await aborted.promise;
    });
    const run = rejection(orchestrator.run(() => work(), { id: 'run', journal }));
    await begun.promise;
    await journal.close();
    await aborted.promise;
    expect(await run).toBeInstanceOf(JournalError);
    expect(await journal.get('run')).toMatchObject({ status: 'running' });
  });
});
