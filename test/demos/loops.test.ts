import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import '../loops/typescript.js';
import { drawTable, faultsIn } from '../../examples/demo-loops/report.js';
import { type Result, run, type Setting } from '../../examples/demo-loops/scenario.js';
import { type SinkServer, startSinkServer } from '../../examples/demo-loops/server.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

async function scenario(lines: number, setting: Partial<Setting>, check: (seen: Seen) => void): Promise<void> {
  const server = await startSinkServer(lines);
  const printed: string[] = [];
  try {
    const result = await run({
      lines,
      pool: 'thread',
      kill: false,
      server,
      signal: new AbortController().signal,
      print: (line) => printed.push(line),
      onMetrics: () => undefined,
      metricsInterval: 50,
      ...setting,
    });
    check({ result, server, printed });
  } finally {
    await server.stop();
  }
}

interface Seen {
  readonly result: Result;
  readonly server: SinkServer;
  readonly printed: readonly string[];
}

function restartsOf({ metrics }: Result): number {
  return metrics.loops.reduce((sum, { restarts }) => sum + restarts, 0);
}

describe('the demo of loops', () => {
  it("delivers every line if a parser's process is killed half-way", async () => {
    await scenario(6_000, { pool: 'process', kill: true }, ({ result, server, printed }) => {
      expect(printed.join('\n')).toContain('its process has ended with SIGKILL');
      expect(restartsOf(result)).toBe(1);
      expect(result.read).toBe(6_000);
      expect(server.missingUpTo(6_000)).toBe(0);
      expect(server.lines).toBe(6_000);
      expect(faultsIn(6_000, result, server)).toEqual([]);
    });
  }, 300_000);

  it("delivers every line if a parser's thread ends by itself", async () => {
    await scenario(4_000, { kill: true }, ({ result, server, printed }) => {
      expect(printed.join('\n')).toContain('its thread has ended with code 1');
      expect(restartsOf(result)).toBe(1);
      expect(server.missingUpTo(4_000)).toBe(0);
      expect(faultsIn(4_000, result, server)).toEqual([]);
    });
  }, 300_000);

  it('delivers each line once if nothing is killed, even if the server refuses requests', async () => {
    await scenario(10_000, {}, ({ result, server }) => {
      expect(server.refused).toBeGreaterThan(0);
      expect(server.repeated).toBe(0);
      expect(faultsIn(10_000, result, server)).toEqual([]);
    });
  }, 300_000);

  it('delivers all lines that were read when it is asked to end', async () => {
    const controller = new AbortController();
    const onMetrics: Setting['onMetrics'] = ({ read }) => {
      if (read > 1_000) controller.abort();
    };
    await scenario(200_000, { signal: controller.signal, onMetrics }, ({ result, server }) => {
      expect(result.read).toBeLessThan(200_000);
      expect(server.lines).toBe(result.read);
      expect(faultsIn(undefined, result, server)).toEqual([]);
      expect(result.summary.loops.find(({ loopId }) => loopId === 'reader')?.reason).toBe('stopped');
    });
  }, 300_000);

  it.skipIf(process.platform === 'win32')(
    'drains and reports at Ctrl-C, in plain lines where there is no terminal',
    async () => {
      const child = spawn(process.execPath, ['--import', 'tsx', 'examples/demo-loops/main.ts'], { cwd: root });
      let seen = '';
      let isInterrupted = false;
      child.stdout.on('data', (chunk) => {
        seen += chunk;
        if (isInterrupted || !/ s {2}read [1-9]/.test(seen)) return;
        isInterrupted = true;
        child.kill('SIGINT');
      });
      const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
      const output = stripVTControlCharacters(seen);
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      expect(output).toContain('reading is stopped; what was read goes on');
      expect(output).toMatch(/reader .* stopped/);
      expect(output).toContain('Every line has arrived, and is counted once.');
      expect(output).not.toContain('\r');
    },
    300_000,
  );
});

describe('the report of the demo of loops', () => {
  const durations = { p50: 1, p90: 1, p99: 2, max: 3 };
  const loop = { loopId: 'parser-1', state: 'stopped', iterations: 4, iterationsPerSecond: 2, errors: 0 } as const;
  const rest = { restarts: 0, missedTicks: 0, inFlight: 0, durations, nodes: [], error: undefined };
  const well: Result = {
    read: 100,
    metrics: { loops: [{ ...loop, ...rest }], queues: [], deadLetters: 0, deadLettersDropped: 0 },
    summary: { loops: [], abandoned: 0, messages: 0 },
  };
  const sink = {
    requests: 5,
    refused: 0,
    lines: 100,
    repeated: 0,
    byParser: new Map([['parser-1', 100]]),
    missingUpTo: () => 0,
  };

  it('finds nothing wrong if all is well', () => {
    expect(faultsIn(100, well, sink)).toEqual([]);
  });

  it('finds lines that were not read, are missing or were repeated, and messages that are left', () => {
    const left = { ...well, summary: { loops: [], abandoned: 1, messages: 2 } };
    expect(faultsIn(120, left, { ...sink, lines: 99, repeated: 3, missingUpTo: () => 1 })).toEqual([
      '100 of 120 lines were read',
      '1 lines that were read have never arrived',
      '99 lines have arrived of 100 that were read',
      '3 lines came again, and nobody was killed',
      '1 iterations did not end',
      '2 messages are left in queues',
    ]);
  });

  it('allows repeated lines after a kill', () => {
    const metrics = { ...well.metrics, loops: [{ ...loop, ...rest, restarts: 1 }] };
    expect(faultsIn(100, { ...well, metrics }, { ...sink, repeated: 3 })).toEqual([]);
  });

  it('draws a row for each loop', () => {
    const [head, row] = drawTable(well, sink).map((line) => stripVTControlCharacters(line).trim().split(/ {2,}/));
    expect(head?.[0]).toBe('loop');
    expect(row).toEqual(['parser-1', '4', '2', '1.00', '2.00', '0', '0', '100', 'done']);
  });
});
