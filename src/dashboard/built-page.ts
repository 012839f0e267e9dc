import { type Files, filesIn } from './folder.js';

/**
 * Gives the files of the page, as `npm run build:page` has written them. The build of the package replaces this module by
 * one that holds their texts: a bundle has no files beside it.
 */
export function builtPage(): Promise<Files> {
  return filesIn(new URL('../../dist/dashboard/page/', import.meta.url));
}
