import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { compiledSource } from '../../programs/compiled.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const program = () => `
import { FileCheckpointStore } from '${compiledSource('flow')}';
const [directory, runId] = process.argv.slice(1);
const store = new FileCheckpointStore(directory);
const { token } = await store.claim(runId, 'the holder');
console.log(token);
setInterval(() => {}, 1_000);
`;

/** A program that holds a run in files. */
export async function startHolder(directory: string, runId: string) {
  const flags = ['--input-type=module', '--eval', program(), '--', directory, runId];
  const child = spawn(process.execPath, flags, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const [token] = await once(createInterface(child.stdout), 'line');
  return {
    pid: child.pid as number,
    token: String(token),
    kill: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** Lets a program claim a run, and kills the program. */
export async function dieHolding(directory: string, runId: string): Promise<void> {
  const { kill } = await startHolder(directory, runId);
  await kill();
}
