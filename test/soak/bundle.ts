import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { builtIn } from '../../scripts/built-in.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Bundles the program of the fleet with this package's source. Peers stay outside. @returns its path */
export async function bundleProgram(): Promise<string> {
  // Where it finds the peers.
  const folder = join(root, 'node_modules/.cache/orchestrator-soak');
  await mkdir(folder, { recursive: true });
  const outfile = join(folder, `program-${process.pid}.mjs`);
  await build({
    entryPoints: [join(root, 'test/soak/program.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['bullmq', 'ioredis', 'pg', '@electric-sql/pglite', 'fast-check'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    absWorkingDir: root,
    plugins: [builtIn()],
    logLevel: 'warning',
  });
  return outfile;
}
