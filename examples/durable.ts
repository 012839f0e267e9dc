// A script that goes on where it was after a crash: a run with an id and a journal. This file starts itself as a child
// process, which dies in the middle of the work, and starts it again. What had finished is not repeated.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Orchestrator } from 'orchestrator';
import { fileJournal, idempotencyKey, step } from 'orchestrator/durable';

const [directory, life] = process.argv.slice(2);
if (directory === undefined) await killAndContinue();
else await importAll(directory, Number(life));

/** The script. Everything in it that has an effect, or differs from life to life, is a task. */
async function importAll(directory: string, life: number): Promise<void> {
  const orchestrator = new Orchestrator({ retry: 2 });
  const listIds = orchestrator.action('listIds', async () => ['ada', 'alan', 'grace', 'joan']);
  const importOne = orchestrator.action('importOne', async (id: string) => {
    appendFileSync(join(directory, 'effects'), `life ${life}: ${id} ${idempotencyKey()}\n`);
    if (life === 1 && id === 'grace') process.kill(process.pid, 'SIGKILL'); // The crash.
    return id.length;
  });

  const journal = fileJournal(join(directory, 'runs'));
  const total = await orchestrator.run(
    async () => {
      const begun = await step('begun', () => new Date());
      const ids = await listIds();
      const lengths = await orchestrator.map(ids, importOne, { concurrency: 1 });
      return { begun, letters: lengths.reduce((sum, length) => sum + length) };
    },
    { id: 'import-2026-11', journal },
  );
  console.log(`life ${life}: ${total.letters} letters, begun ${total.begun.toISOString()}`);
}

async function killAndContinue(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'durable-'));
  try {
    const start = async (life: number) => (await once(fork(import.meta.filename, [directory, `${life}`]), 'close'))[1];
    assert.equal(await start(1), 'SIGKILL');
    const journal = fileJournal(join(directory, 'runs'));
    assert.equal((await journal.get('import-2026-11'))?.status, 'running');
    assert.equal(await start(2), null);
    const effects = readFileSync(join(directory, 'effects'), 'utf8').trim().split('\n');
    console.log(effects.map((effect) => effect.slice(0, 24)).join('\n'));
    // Only what was under way is repeated, with the same key.
    assert.deepEqual(
      effects.map((effect) => effect.split(' ').slice(1, 3).join(' ')),
      ['1: ada', '1: alan', '1: grace', '2: grace', '2: joan'],
    );
    assert.equal(effects[2]?.split(' ')[3], effects[3]?.split(' ')[3]);
    // Once more: the recorded result, and no effect.
    assert.equal(await start(3), null);
    assert.equal(readFileSync(join(directory, 'effects'), 'utf8').trim().split('\n').length, 5);
    const run = await journal.get('import-2026-11');
    assert.deepEqual([run?.status, run?.lives], ['completed', 2]);
    await journal.delete('import-2026-11');
    await journal.close();
  } finally {
    await rm(directory, { recursive: true });
  }
}
