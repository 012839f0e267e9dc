import { readFileSync } from 'node:fs';

/** Sizes that the README states: minified and gzipped, as a bundler would build an entry point for a Node program. */
const modifyEsbuildConfig = (config) => ({ ...config, platform: 'node', format: 'esm', target: 'node20' });

const { dependencies, peerDependencies } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'));

/** An entry point with everything it imports from this package, without its dependencies and peers. */
const entry = (name, path, limit) => ({
  name,
  path,
  limit,
  gzip: true,
  ignore: [...Object.keys(dependencies), ...Object.keys(peerDependencies)],
  modifyEsbuildConfig,
});

export default [
  entry('orchestrator', 'dist/index.js', '20.4 kB'),
  { ...entry('orchestrator, with dependencies', 'dist/index.js', '22.3 kB'), ignore: [] },
  entry('orchestrator/durable', 'dist/durable/index.js', '49.2 kB'),
  entry('orchestrator/durable/testing', 'dist/durable/testing/index.js', '42.9 kB'),
  entry('orchestrator/flow', 'dist/flow/index.js', '83.2 kB'),
  entry('orchestrator/distributed', 'dist/distributed/index.js', '149 kB'),
  entry('orchestrator/distributed/engine', 'dist/distributed/engine/index.js', '5.1 kB'),
  entry('orchestrator/distributed/testing', 'dist/distributed/testing/index.js', '132.8 kB'),
  entry('orchestrator/limits', 'dist/limits/index.js', '13.8 kB'),
  entry('orchestrator/loops', 'dist/loops/index.js', '57.2 kB'),
  entry('orchestrator/telemetry', 'dist/telemetry/index.js', '14.1 kB'),
  entry('orchestrator/progress', 'dist/progress/index.js', '12.2 kB'),
  entry('orchestrator/dashboard', 'dist/dashboard/index.js', '86.4 kB'),
  entry('orchestrator/testing', 'dist/testing/index.js', '20.6 kB'),
];
