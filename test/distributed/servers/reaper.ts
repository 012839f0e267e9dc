import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

let notes: Writable | undefined;

/** Makes sure that a child process is killed if this process dies first. */
export function guardProcess(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const entry = { kind: 'process', name: child.pid };
  note(entry);
  child.once('exit', () => note({ ...entry, gone: true }));
}

/**
 * Creates a directory for temporary files. It is removed by `removeDirectory`, or when this process dies before that.
 */
export async function temporaryDirectory(folder = tmpdir()): Promise<string> {
  const directory = await mkdtemp(join(folder, 'orchestrator-test-'));
  note({ kind: 'directory', name: directory });
  return directory;
}

export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  note({ kind: 'directory', name: directory, gone: true });
}

function note(entry: object): void {
  notes ??= startReaper();
  notes.write(`${JSON.stringify(entry)}\n`);
}

function startReaper(): Writable {
  const script = fileURLToPath(new URL('reaper.mjs', import.meta.url));
  const reaper = spawn(process.execPath, [script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  reaper.unref();
  if (reaper.stdin instanceof Socket) reaper.stdin.unref();
  reaper.stdin.on('error', () => undefined);
  return reaper.stdin;
}
