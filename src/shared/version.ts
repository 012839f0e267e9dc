import { readFileSync } from 'node:fs';

/**
 * Version of this package. The build replaces this module with a module that contains the version as text, because a
 * bundle has no `package.json`.
 */
export const version: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
