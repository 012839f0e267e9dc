import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import LongestFirst from './test/needs/sequencer.js';

const source = (path: string) => fileURLToPath(new URL(`src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^orchestrator$/, replacement: source('index.ts') },
      { find: /^orchestrator\/durable$/, replacement: source('durable/index.ts') },
      { find: /^orchestrator\/durable\/testing$/, replacement: source('durable/testing/index.ts') },
      { find: /^orchestrator\/flow$/, replacement: source('flow/index.ts') },
      { find: /^orchestrator\/distributed$/, replacement: source('distributed/index.ts') },
      { find: /^orchestrator\/limits$/, replacement: source('limits/index.ts') },
      { find: /^orchestrator\/loops$/, replacement: source('loops/index.ts') },
      { find: /^orchestrator\/telemetry$/, replacement: source('telemetry/index.ts') },
      { find: /^orchestrator\/progress$/, replacement: source('progress/index.ts') },
      { find: /^orchestrator\/dashboard$/, replacement: source('dashboard/index.ts') },
      { find: /^orchestrator\/testing$/, replacement: source('testing/index.ts') },
      { find: /^orchestrator\/distributed\/engine$/, replacement: source('distributed/engine/index.ts') },
      { find: /^orchestrator\/distributed\/testing$/, replacement: source('distributed/testing/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/needs/setup.ts'],
    typecheck: { include: ['test/types/*.test-d.ts'] },
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // Most of the time tests wait: for locks to expire, for servers to start.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    execArgv: ['--expose-gc'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // What comes soon comes later where other tests run beside.
    expect: { poll: { timeout: 30_000 } },
    reporters: ['default', './test/needs/reporter.ts', ...(process.env.CI ? ['json'] : [])],
    outputFile: { json: 'coverage/tests.json' },
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // The others run in threads, processes and browsers alone, where nobody counts.
      exclude: ['src/**/index.ts', 'src/cli/{main,io,reference}.ts'],
      reporter: ['text-summary', 'html'],
      thresholds: { branches: 94.5, functions: 95, lines: 95, statements: 95 },
    },
  },
});
