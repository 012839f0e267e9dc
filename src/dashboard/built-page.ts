import { type Files, filesIn } from './folder.js';

/**
 * Reads the files of the page that `npm run build:page` has written. The build of the package replaces this module with
 * a module that contains the files, because a bundle has no files beside it.
 */
export function builtPage(): Promise<Files> {
  return filesIn(new URL('../../dist/dashboard/page/', import.meta.url));
}
