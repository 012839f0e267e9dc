import { expect, it } from 'vitest';
import type { Connections } from '../../../../src/distributed/engines/sql/connections.js';
import type { Listener } from '../../../../src/distributed/engines/sql/listener.js';
import { QueuePool } from '../../../../src/distributed/engines/sql/queue-pool.js';
import { rejection } from '../../../support.js';

/** Creates a pool whose first statements fail with the given codes, one each. */
function failing(codes: string[]) {
  let tries = 0;
  const use = async () => {
    tries++;
    const code = codes.shift();
    if (code !== undefined) throw Object.assign(new Error('refused'), { code });
    return { rows: [] };
  };
  const pool = new QueuePool({ use } as unknown as Connections, {} as Listener, 1_000);
  return { pool, tries: () => tries };
}

it('repeats a statement of the queue that was rolled back because of a conflict', async () => {
  const { pool, tries } = failing(['40P01', '40001', '40P01']);
  expect(await pool.query('select 1')).toEqual({ rows: [] });
  expect(tries()).toBe(4);
});

it('repeats such a statement a few times, and no other', async () => {
  const always = failing(Array.from({ length: 100 }, () => '40P01'));
  expect(await rejection(always.pool.query('select 1'))).toMatchObject({ code: '40P01' });
  expect(always.tries()).toBe(5);
  for (const code of ['57014', 'BM001', 'ECONNRESET']) {
    const { pool, tries } = failing([code]);
    expect(await rejection(pool.query('select 1'))).toMatchObject({ code });
    expect(tries()).toBe(1);
  }
});
