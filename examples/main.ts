// `runMain` ends a script in good order. Here the script starts itself and presses Ctrl-C, so to speak: the import stops
// after the item in progress, cleans up, and the exit code is that of an interrupted program.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Orchestrator, runMain } from 'orchestrator';

if (process.argv.includes('--import-users')) await importUsers();
else await interrupted();

async function importUsers(): Promise<void> {
  const orchestrator = new Orchestrator();
  const importUser = orchestrator.action('importUser', async (id: number) => {
    await sleep(10, undefined, { signal: orchestrator.signal });
    console.log(`user ${id}`);
  });
  const main = async () => {
    try {
      for (let id = 1; ; id++) await importUser(id);
    } finally {
      console.log('file closed');
    }
  };
  await runMain(orchestrator, main, { name: 'import', grace: 5_000 });
  console.log('connection closed');
}

async function interrupted(): Promise<void> {
  const args = ['--import', 'tsx', fileURLToPath(import.meta.url), '--import-users'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.once('data', () => child.kill('SIGINT'));
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  console.log(`${output}exit code ${code}`);
  assert.equal(code, 130);
  assert.match(output, /^user 1\n(?:user \d+\n)*file closed\nconnection closed\n$/);
}
