import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiler = fileURLToPath(new URL('compile.mjs', import.meta.url));
const programs = new Map<string, string>();

/**
 * Compiles a program of tests into a single file, once for each test file: programs that load TypeScript file by file
 * take more than a second of CPU to start.
 *
 * @returns the path of the compiled file
 */
export function compiled(module: URL | string): string {
  const file = module instanceof URL ? fileURLToPath(module) : module;
  const known = programs.get(file);
  if (known !== undefined) return known;
  // Inside node_modules, so that the program finds its packages.
  const name = relative(root, file).replaceAll(/[\\/]/g, '-').replace(/\.ts$/, '.mjs');
  const path = join(root, 'node_modules/.cache/orchestrator-tests', name);
  const own = `${path}.${process.pid}`;
  execFileSync(process.execPath, [compiler, file, own], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  // Other test files may compile the same program at the same time.
  renameSync(own, path);
  programs.set(file, path);
  return path;
}

/** Compiles an entry of the package, such as `flow`. @returns the URL for an import of a program in JavaScript */
export function compiledSource(entry: string): string {
  return pathToFileURL(compiled(new URL(`../../src/${entry}/index.ts`, import.meta.url))).href;
}
