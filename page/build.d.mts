/**
 * Builds the dashboard's page: `index.html`, `page.js`, `page.css`, the worker `stream.js`, and the licences of bundled
 * packages.
 *
 * @param folder - output folder; created if it is missing
 * @returns number of gzipped bytes that a browser loads
 */
export function buildPage(folder: string | URL): Promise<number>;
