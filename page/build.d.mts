/**
 * Writes the dashboard's page: `index.html`, `page.js`, `page.css`, the worker `stream.js`, and the licences of what is in it.
 *
 * @param folder - where it is written to; it is made where it is missing
 * @returns how many bytes a browser loads, gzipped
 */
export function buildPage(folder: string | URL): Promise<number>;
