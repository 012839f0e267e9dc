import { type Engine, memory, pglite, postgres, redis } from 'orchestrator/distributed';
import { startPostgres } from './postgres.js';
import { removeDirectory, temporaryDirectory } from './reaper.js';
import { startRedis } from './redis.js';

/** An engine, and a function that stops its server after the engine was closed. */
export interface StartedEngine {
  readonly engine: Engine;
  stop(): Promise<void>;
}

/** Starts each kind of engine, on a server or a directory of its own. */
export const engines = {
  async memory() {
    return { engine: memory(), stop: async () => {} };
  },
  async pglite() {
    const directory = await temporaryDirectory();
    return { engine: pglite(directory), stop: () => removeDirectory(directory) };
  },
  async redis() {
    const { url, stop } = await startRedis();
    return { engine: redis(url), stop };
  },
  async postgres() {
    const { url, stop } = await startPostgres();
    return { engine: postgres(url), stop };
  },
} satisfies Record<string, () => Promise<StartedEngine>>;
