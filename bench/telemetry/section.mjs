// What the scripts of this folder have in common. Each runs in a process of its own and sends its figures.

export const quick = process.argv.includes('--quick');
export const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));

/** Ends with the process that started this one. */
process.once('disconnect', () => process.exit(1));

/**
 * Sends the figures and ends, whatever is still open.
 *
 * @param {readonly import('../figures.mjs').Figure[]} figures
 */
export function send(figures) {
  process.send(figures, () => process.exit(0));
}
