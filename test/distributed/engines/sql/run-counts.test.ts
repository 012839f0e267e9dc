import pg from 'pg';
import { expect, it } from 'vitest';
import { readAsset } from '../../../../src/distributed/engines/assets.js';
import { migrations } from '../../../../src/distributed/engines/sql/migrations.js';
import { forSchema, statement } from '../../../../src/distributed/engines/sql/statements.js';
import { describeWithPostgres, type PostgresServer, startPostgres } from '../../servers/postgres.js';

const own = migrations.findIndex(({ name }) => name.endsWith('run-counts'));

describeWithPostgres('counts of runs, on Postgres', () => {
  it('hold for earlier runs and for runs that end, resume and are removed, and leave no rows of closed connections', async () => {
    await using server = disposable(await startPostgres());
    const url = await server.createDatabase('counts');
    const first = await client(url);
    await first.query('create schema orchestrator');
    const migrate = async (steps: readonly { readonly name: string }[]) => {
      for (const { name } of steps)
        await first.query(forSchema(readAsset(`sql/migrations/${name}.sql`), 'orchestrator'));
    };
    await migrate(migrations.slice(0, own));
    await insert(first, 'completed', 7);
    await insert(first, 'running', 3);
    await migrate(migrations.slice(own, own + 1));
    expect(await counted(first)).toEqual({ completed: 7, running: 3 });

    for (let connection = 0; connection < 12; connection++) {
      const other = await client(url);
      await other.query(`update orchestrator.runs set status = 'failed' where status = 'running'`);
      await other.query(`update orchestrator.runs set status = 'running' where status = 'failed'`);
      await insert(other, 'running', 1);
      await other.query(`update orchestrator.runs set status = 'stalled' where run_id = $1`, [`running-${ids}`]);
      await other.query(`delete from orchestrator.runs where run_id = 'completed-${(connection % 7) + 1}'`);
      await other.end();
    }
    expect(await counted(first)).toEqual({ running: 3, stalled: 12 });
    const { rows } = await first.query('select count(distinct backend) as backends from orchestrator.run_counts');
    // The last connection that counted is closed as well. An earlier one may still have been open when others checked.
    expect(Number(rows[0].backends)).toBeLessThanOrEqual(6);
    await first.end();
  });
});

let ids = 0;

async function insert(client: pg.Client, status: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    await client.query(
      `insert into orchestrator.runs (run_id, workflow, version, status, priority, created_at, start_at, updated_at)
        values ($1, 'w', '1', $2, 0, 1, 1, 1)`,
      [`${status}-${++ids}`, status],
    );
  }
}

async function counted(client: pg.Client): Promise<Record<string, number>> {
  const { rows } = await client.query(statement('count-runs', 'orchestrator'));
  return Object.fromEntries(
    rows.map(({ status, count }) => [status, Number(count)]).filter(([, count]) => count !== 0),
  );
}

async function client(url: string): Promise<pg.Client> {
  const connected = new pg.Client(url);
  await connected.connect();
  return connected;
}

function disposable(server: PostgresServer): PostgresServer & AsyncDisposable {
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.stop() });
}
