// Common parts of the scripts in this folder. Each script runs in a separate process and sends its figures.

export const quick = process.argv.includes('--quick');
export const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));

/** Ends together with the parent process. */
process.once('disconnect', () => process.exit(1));

/**
 * Sends the figures and exits, even if handles are still open.
 *
 * @param {readonly import('../figures.mjs').Figure[]} figures
 */
export function send(figures) {
  process.send(figures, () => process.exit(0));
}

export async function collectGarbage() {
  await turn();
  globalThis.gc();
  await turn();
  globalThis.gc();
}

function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}
