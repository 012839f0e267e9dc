import { readFileSync } from 'node:fs';

/**
 * Reads a Lua script (below `redis/`) or an SQL statement (below `postgres/`). The build replaces this module with one
 * that contains all these texts, because a bundle has no files beside it.
 *
 * @param path - the path of the file, relative to this folder
 */
export function readAsset(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}
