import { postgres } from 'orchestrator/distributed';
import pg from 'pg';
import { expect, it } from 'vitest';
import { describeWithPostgres, startPostgres } from '../servers/postgres.js';

describeWithPostgres('a client that a pool of the user hands out', () => {
  it('gets an error listener at once, since its server may have ended it', async () => {
    const server = await startPostgres();
    const pool = new pg.Pool({ connectionString: server.url });
    pool.on('error', () => {});
    const heard: number[] = [];
    const connect = pool.connect.bind(pool);
    const watched = (callback?: (...args: unknown[]) => void) => {
      if (callback === undefined) return new Promise((resolve) => watched((_error, client) => resolve(client)));
      connect((error, client, done) => {
        callback(error, client, done);
        if (client !== undefined) heard.push(client.listenerCount('error'));
      });
      return undefined;
    };
    Object.assign(pool, { connect: watched });
    const engine = postgres(pool);
    try {
      await engine.open();
      await engine.runInfoStore.getRun('r');
      expect(heard.length).toBeGreaterThan(2);
      expect(heard.filter((count) => count === 0)).toEqual([]);
    } finally {
      await engine.close();
      await pool.end();
      await server.stop();
    }
  });
});
