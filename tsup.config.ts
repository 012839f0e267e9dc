import { defineConfig } from 'tsup';

export default defineConfig({
  entry: { index: 'src/index.ts', 'flow/index': 'src/flow/index.ts' },
  format: 'esm',
  target: 'node20',
  dts: true,
  clean: true,
  sourcemap: true,
  removeNodeProtocol: false,
});
