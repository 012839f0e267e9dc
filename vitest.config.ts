import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { orchestrator: fileURLToPath(new URL('src/index.ts', import.meta.url)) } },
  test: {
    include: ['test/**/*.test.ts'],
    typecheck: { include: ['test/types/*.test-d.ts'] },
    pool: 'forks',
    execArgv: ['--expose-gc'],
    testTimeout: 20_000,
    reporters: process.env.CI ? ['default', ['json', { outputFile: 'coverage/tests.json' }]] : ['default'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/index.ts'],
      reporter: ['text-summary', 'html'],
      thresholds: { branches: 95, functions: 95, lines: 95, statements: 95 },
    },
  },
});
