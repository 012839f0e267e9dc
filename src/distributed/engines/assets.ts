import { readFileSync } from 'node:fs';

/**
 * Reads a script (below `redis/`) or a statement (below `sql/`) of this layer. The build replaces this module by one that
 * holds all their texts: a bundle has no files beside it.
 *
 * @param path - relative to this folder
 */
export function readAsset(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}
