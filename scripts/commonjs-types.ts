// Writes a twin of each declaration file for TypeScript code that compiles to CommonJS. All supported versions of Node
// can `require` the modules of this package, but `module: node16` does not know this and refuses declarations of ES
// modules (TS1479).
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';

for (const name of await readdir('dist', { recursive: true })) {
  if (!name.endsWith('.d.ts')) continue;
  const path = join('dist', name);
  await writeFile(path.replace(/ts$/, 'cts'), withTwins(await readFile(path, 'utf8')));
}

/** The declarations, with imports from this package replaced by imports of the twins. */
function withTwins(text: string): string {
  const { importedFiles } = ts.preProcessFile(text, true, true);
  let twin = text;
  for (const { fileName, pos } of importedFiles.toReversed()) {
    if (!fileName.startsWith('.')) continue;
    const from = twin.indexOf(fileName, pos);
    twin = twin.slice(0, from) + fileName.replace(/js$/, 'cjs') + twin.slice(from + fileName.length);
  }
  return twin;
}
