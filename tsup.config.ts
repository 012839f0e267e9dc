import { defineConfig } from 'tsup';
import { buildPage } from './page/build.mjs';
import { builtIn } from './scripts/built-in.js';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    'durable/index': 'src/durable/index.ts',
    'durable/testing/index': 'src/durable/testing/index.ts',
    'flow/index': 'src/flow/index.ts',
    'distributed/index': 'src/distributed/index.ts',
    'distributed/engine/index': 'src/distributed/engine/index.ts',
    'distributed/testing/index': 'src/distributed/testing/index.ts',
    'limits/index': 'src/limits/index.ts',
    'loops/index': 'src/loops/index.ts',
    'telemetry/index': 'src/telemetry/index.ts',
    'progress/index': 'src/progress/index.ts',
    'dashboard/index': 'src/dashboard/index.ts',
    'testing/index': 'src/testing/index.ts',
    'cli/main': 'src/cli/main.ts',
  },
  format: 'esm',
  target: 'node20',
  dts: true,
  clean: true,
  removeNodeProtocol: false,
  // What draws graphs is part of the package, as it is of the page.
  noExternal: ['@dagrejs/dagre'],
  esbuildPlugins: [builtIn()],
  // For examples and demos, which run from the source.
  onSuccess: async () => {
    await buildPage('dist/dashboard/page');
  },
});
