import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const kernel = fileURLToPath(new URL('../dist/index.js', import.meta.url));

/** Size of the built kernel, minified and gzipped, in bytes. */
export async function measureSize() {
  const alone = await sizeOf('external');
  const complete = await sizeOf('bundle');
  return [
    { name: 'kernel, dependencies aside', value: alone, text: `${alone}`, target: { atMost: 6_000 } },
    { name: 'kernel with its dependencies', value: complete, text: `${complete}` },
  ];
}

async function sizeOf(packages) {
  const { outputFiles } = await build({
    entryPoints: [kernel],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}
