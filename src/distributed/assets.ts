import { readFileSync } from 'node:fs';

/** Where this layer's files are: beside its modules, and in the package beside the built ones, under the same names. */
const root = new URL('.', import.meta.url).href.replace(/\/(src|dist)\/(?!.*\/(src|dist)\/).*$/, '/$1/distributed/');

/** The text of a file of this layer: a script, a statement. */
export function readAsset(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}
