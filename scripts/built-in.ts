// Builds modules that read files of the source as modules that contain those files, because a bundle has no files
// beside it. Each of these modules has a twin here with the same exports.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import type { Plugin } from 'esbuild';
import { buildPage } from '../page/build.mjs';

const twins: Readonly<Record<string, () => Promise<string>>> = {
  'src/shared/version.ts': version,
  'src/distributed/engines/assets.ts': () => assets('src/distributed/engines'),
  'src/limits/assets.ts': () => assets('src/limits', withoutComments),
  'src/dashboard/built-page.ts': page,
};

/** A plugin that replaces each module in `twins` with its twin. */
export function builtIn(): Plugin {
  return {
    name: 'built-in',
    setup({ onLoad }) {
      onLoad({ filter: /\/(version|assets|built-page)\.ts$/ }, async ({ path }) => {
        const twin = twins[relative(process.cwd(), path).split(sep).join('/')];
        return twin && { contents: await twin(), loader: 'js' };
      });
    },
  };
}

async function version(): Promise<string> {
  const { version } = JSON.parse(await readFile('package.json', 'utf8'));
  return `export const version = ${JSON.stringify(version)};`;
}

/** @param edit - changes the text of each file. Default: none */
async function assets(folder: string, edit = (text: string) => text): Promise<string> {
  const texts = await textsIn(folder, (name) => /\.(lua|sql)$/.test(name));
  const edited = Object.entries(texts).map(([name, text]) => [name, edit(text)]);
  return `const texts = ${JSON.stringify(Object.fromEntries(edited))};
    export const readAsset = (path) => texts[path];`;
}

/** Removes lines that are comments, and indentation. */
function withoutComments(text: string): string {
  return text.replaceAll(/^ *(--.*\n)?/gm, '');
}

async function page(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-page-'));
  try {
    await buildPage(folder);
    const texts = await textsIn(folder, () => true);
    return `const texts = ${JSON.stringify(texts)};
      export const builtPage = async () =>
        new Map(Object.entries(texts).map(([name, text]) => [name, new TextEncoder().encode(text)]));`;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Contents of the files in a folder, by path. */
async function textsIn(folder: string, isWanted: (name: string) => boolean): Promise<Record<string, string>> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => isWanted(name)).sort();
  const entries = names.map(async (name) => [name.split(sep).join('/'), await readFile(join(folder, name), 'utf8')]);
  return Object.fromEntries(await Promise.all(entries));
}
