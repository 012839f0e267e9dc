import { startWorkerProcess, type WorkerProcess } from '../servers/processes.js';
import type { Told } from './fixtures/messages.js';

/** Starts an orchestrator and a worker in one program, on a directory. Such a program takes seconds to start. */
export function startAlone(directory: string, env: Readonly<Record<string, string>> = {}): WorkerProcess<Told> {
  const engine = { kind: 'pglite', address: directory, options: { connectTimeout: 180_000 } };
  return startWorkerProcess<Told>({
    module: new URL('./fixtures/alone.ts', import.meta.url),
    env: { WORKER_PROCESS: '1', ENGINE: JSON.stringify(engine), ...env },
  });
}
