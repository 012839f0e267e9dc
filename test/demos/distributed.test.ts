import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { nodesOf } from '../../examples/demo-distributed/flow.js';
import { drawTable, faultsIn, rowsOf } from '../../examples/demo-distributed/report.js';
import type { Result } from '../../examples/demo-distributed/scenario.js';
import { type Seen, startShopServer } from '../../examples/demo-distributed/server.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Row {
  readonly runs: number;
  readonly counted: number;
  readonly requests: number;
  readonly refused: number;
  readonly repeated: number;
  readonly keys: number;
}

/** The rows of the table, by node. */
function tableIn(lines: readonly string[]): Map<string, Row> {
  const head = lines.findIndex((line) => line.trim().startsWith('node '));
  const rows = lines.slice(head + 1, lines.indexOf('', head));
  return new Map(
    rows.map((row) => {
      const [node = '', ...cells] = row.trim().split(/ +/);
      const [runs = NaN, counted = NaN, requests = NaN, refused = NaN, repeated = NaN, keys = NaN] = cells.map(Number);
      return [node, { runs, counted, requests, refused, repeated, keys }];
    }),
  );
}

describe('the demo of distributed runs, on the embedded engine', () => {
  let output = '';
  let errors = '';
  let code: number | null;
  let lines: string[];
  let table: Map<string, Row>;

  beforeAll(async () => {
    const { REDIS_URL: _redis, DATABASE_URL: _database, ...env } = process.env;
    const child = spawn(process.execPath, ['--import', 'tsx', 'examples/demo-distributed/main.ts'], { cwd: root, env });
    [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    lines = stripVTControlCharacters(output)
      .split('\n')
      .map((line) => line.trimEnd());
    table = tableIn(lines);
  }, 600_000);

  it('ends successfully and reports it', () => {
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toContain('completed: 100 of 100 runs; left in the queue: 0 jobs');
    expect(output).toContain('Nothing is lost, and nothing is counted twice.');
  });

  it('is killed once, half-way', () => {
    const killed = lines.filter((line) => line.includes('has ended by SIGKILL'));
    expect(killed).toHaveLength(1);
    const before = lines.slice(0, lines.indexOf(killed[0] as string)).join('\n');
    expect(before).not.toContain('100 of 100 runs completed');
  });

  it('shows its progress in plain lines without a terminal', () => {
    expect(lines.filter((line) => / s {2}\d+ of 100 runs completed/.test(line)).length).toBeGreaterThan(1);
    expect(output).not.toContain('\r');
  });

  it('counts each node once in each run that goes through it', () => {
    const expected: Record<string, number> = {};
    for (let number = 1; number <= 100; number++) {
      for (const node of nodesOf(number)) expected[node] = (expected[node] ?? 0) + 1;
    }
    expect(Object.fromEntries([...table].map(([node, { runs }]) => [node, runs]))).toEqual(expected);
    expect(Object.fromEntries([...table].map(([node, { counted }]) => [node, counted]))).toEqual(expected);
  });

  it('sends at least one request per node, always with the same key', () => {
    for (const [node, { runs, requests, refused, repeated, keys }] of table) {
      if (node === 'rest') continue;
      expect(keys, node).toBe(runs);
      expect(requests, node).toBe(runs + refused + repeated);
      expect(repeated, node).toBeGreaterThanOrEqual(0);
    }
    expect(table.get('reserve')?.refused).toBe(25);
  });

  it('repeats the node that was executed when it was killed', () => {
    const repeated = [...table.values()].map((row) => row.repeated).filter((count) => !Number.isNaN(count));
    expect(Math.max(...repeated)).toBeGreaterThan(0);
  });
});

describe('the report of the demo of distributed runs', () => {
  const seenOnce = (runs: number): Seen => ({ requests: runs, refused: 0, effects: runs, keys: keysOf(runs) });
  const keysOf = (runs: number) => new Map(Array.from({ length: runs }, (_, index) => [`key ${index}`, 1]));
  const nodes = new Map<string, number>();
  for (const number of [1, 2, 3, 4, 5]) for (const node of nodesOf(number)) nodes.set(node, (nodes.get(node) ?? 0) + 1);
  const counted = Object.fromEntries([...nodes].map(([node, runs]) => [node, { runs, effects: runs }]));
  const seen = new Map([...nodes].filter(([node]) => node !== 'rest').map(([node, runs]) => [node, seenOnce(runs)]));
  const well: Result = {
    outcome: { status: { runs: { completed: 5 }, workersAlive: 3 }, counted },
    left: 0,
    killed: 'SIGKILL',
  };
  const faultsOf = (result: Result, by = seen) => faultsIn(5, result, rowsOf(5, result, by));

  it('finds nothing wrong if all is well', () => {
    expect(faultsOf(well)).toEqual([]);
  });

  it('finds incomplete runs, jobs that are left, and a missing kill', () => {
    const { outcome } = well;
    const status = { runs: { completed: 4, running: 1 }, workersAlive: 3 };
    expect(faultsOf({ outcome: { ...outcome, status }, left: 2, killed: 'code 0' })).toEqual([
      'who was to be killed has ended with code 0',
      '4 of 5 runs are completed',
      '2 jobs are left in the queue',
    ]);
  });

  it('finds results that were counted twice or are missing', () => {
    const { outcome } = well;
    const wrong = { ...counted, quote: { runs: 5, effects: 6 }, courier: { runs: 0, effects: 0 } };
    expect(faultsOf({ ...well, outcome: { ...outcome, counted: wrong } })).toEqual([
      'quote was counted 6 times in 5 runs',
      'courier has completed in 0 of 1 runs',
      'courier was counted 0 times in 1 runs',
    ]);
  });

  it('finds a surplus key at the server, and a node without requests', () => {
    const wrong = new Map(seen).set('price', { ...seenOnce(6), effects: 5 });
    wrong.delete('route');
    expect(faultsOf(well, wrong)).toEqual([
      'price has asked with 6 keys for 5 runs',
      'route has asked with 0 keys for 5 runs',
      'route has had 0 effects for 5 runs',
    ]);
  });

  it('draws a row for each node, in the order of the flow', () => {
    const table = drawTable(rowsOf(5, well, seen)).map((line) =>
      stripVTControlCharacters(line).trim().replace(/ +/g, ' '),
    );
    expect(table[0]).toBe('node runs counted requests 503 repeated keys');
    expect(table.map((line) => line.split(' ')[0]).slice(1, 4)).toEqual(['accept', 'reserve', 'price']);
    expect(table).toContain('rest 4 4 - - - -');
    expect(table).toContain('courier 1 1 1 0 0 1');
  });
});

describe('the server of the demo of distributed runs', () => {
  it('performs a step once per key, and refuses every fourth reservation at first', async () => {
    const server = await startShopServer();
    const ask = async (step: string, number: number, key: string) => {
      const headers = { 'idempotency-key': key };
      const response = await fetch(`${server.url}/${step}`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ number }),
      });
      await response.text();
      return response.status;
    };
    try {
      const asked = server.asked(5);
      expect(await ask('reserve', 1, 'a')).toBe(200);
      expect(await ask('reserve', 1, 'a')).toBe(200);
      expect(await ask('reserve', 4, 'b')).toBe(503);
      expect(await ask('reserve', 4, 'b')).toBe(200);
      expect(await ask('price', 4, 'b')).toBe(200);
      await asked;
      expect(server.seen.get('reserve')).toMatchObject({ requests: 4, refused: 1, effects: 2 });
      expect(server.seen.get('price')).toMatchObject({ requests: 1, refused: 0, effects: 1 });
      expect(server.requests).toBe(5);
    } finally {
      await server.stop();
    }
  });
});
