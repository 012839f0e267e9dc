import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * The Node versions to measure: 20 and 24 if their packages could be installed (Linux on x64), otherwise the current
 * one.
 *
 * @returns {readonly { path: string, version: string }[]}
 */
export function availableNodes() {
  const installed = ['node-20', 'node-24'].map(pathOf).map(probe).filter(Boolean);
  return installed.length > 0 ? installed : [probe(process.execPath)];
}

function pathOf(name) {
  return fileURLToPath(new URL(`node_modules/${name}/bin/node`, import.meta.url));
}

/** Returns nothing if the binary does not start, for example because it is built for another platform. */
function probe(path) {
  try {
    return { path, version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim() };
  } catch {
    return undefined;
  }
}
