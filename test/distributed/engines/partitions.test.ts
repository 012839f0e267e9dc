import { readFile } from 'node:fs/promises';
import { postgres } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { Client } from 'pg';
import { expect, it } from 'vitest';
import { patient } from '../faults/fixtures/engines.js';
import { fleetOf } from '../fleet.js';
import { eventually } from '../servers/eventually.js';
import { describeWithPostgres, startPostgres } from '../servers/postgres.js';

describeWithPostgres('tables that are partitioned as docs/scaling.md says', () => {
  it('keep runs, and count them by status', async () => {
    const guide = await readFile(new URL('../../../docs/scaling.md', import.meta.url), 'utf8');
    const [, recipe = '', days = ''] = guide.slice(guide.indexOf('### Partitions by time')).split('```sql\n');
    const statements = (text: string) => text.slice(0, text.indexOf('```'));
    const server = await startPostgres();
    const url = await server.createDatabase('parted');
    const client = new Client({ connectionString: url });
    await client.connect();
    await using engine = postgres(url, patient);
    await engine.open();
    await client.query(statements(recipe));
    await client.query(statements(days).replace(/DROP TABLE [^;]*;/, ''));
    const { orchestrator } = await fleetOf(
      new Flow('f').node('a', () => 1),
      { engine },
    );
    for (const runId of ['20261121-a', '20261121-b', 'without-day']) {
      await orchestrator.startRun({}, 0, { runId });
      expect((await orchestrator.waitForCompletion(runId)).status).toBe('completed');
    }
    await eventually(async () => expect(await orchestrator.countRuns()).toMatchObject({ completed: 3 }));
    await orchestrator.deleteRun('20261121-a');
    await eventually(async () => expect(await orchestrator.countRuns()).toMatchObject({ completed: 2 }));
    const { rows } = await client.query('SELECT run_id FROM orchestrator.runs_20261121');
    expect(rows).toEqual([{ run_id: '20261121-b' }]);
    await client.end();
  });
});
