import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));

/** Packages whose code is bundled into the page. */
const bundled = ['preact', '@dagrejs/dagre', '@dagrejs/graphlib', 'eventsource-client', 'eventsource-parser'];

/**
 * Builds the dashboard's page: `index.html`, `page.js`, `page.css`, the worker `stream.js`, and the licences of bundled
 * packages.
 *
 * @param {string | URL} folder - output folder; created if it is missing
 * @returns {Promise<number>} number of gzipped bytes that a browser loads
 */
export async function buildPage(folder) {
  const outDir = folder instanceof URL ? fileURLToPath(folder) : resolve(folder);
  await mkdir(outDir, { recursive: true });
  const common = {
    absWorkingDir: here,
    outdir: resolve(outDir),
    bundle: true,
    minify: true,
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
  };
  await build({ ...common, entryPoints: { stream: 'state/stream/worker.ts' }, format: 'iife' });
  const worker = createHash('sha256')
    .update(await readFile(join(outDir, 'stream.js')))
    .digest('base64url');
  const define = { STREAM_VERSION: JSON.stringify(worker.slice(0, 12)) };
  await build({ ...common, entryPoints: { page: 'main.tsx' }, format: 'esm', define });
  await copyFile(join(here, 'index.html'), join(outDir, 'index.html'));
  await writeFile(join(outDir, 'LICENSES.txt'), await licences());
  return sizeOf(outDir);
}

async function sizeOf(folder) {
  const names = (await readdir(folder)).filter((name) => /^(index\.html|page\.(js|css)|stream\.js)$/.test(name));
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return files.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0);
}

async function licences() {
  const texts = await Promise.all(
    bundled.map(async (name) => {
      const folder = folderOf(name);
      const { version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
      return `${name} ${version} (${license})\n\n${(await readFile(join(folder, 'LICENSE'), 'utf8')).trim()}\n`;
    }),
  );
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

function folderOf(name) {
  const paths = createRequire(import.meta.url).resolve.paths(name) ?? [];
  for (const path of paths) {
    const folder = join(path, name);
    if (existsSync(join(folder, 'package.json'))) return folder;
  }
  throw new Error(`${name} is not installed`);
}
