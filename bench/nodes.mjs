import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * The Nodes to measure on: 20 and 24 where their packages could be installed (Linux on x64), else the one that runs
 * this.
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

/** A package of another platform may be there and not start. */
function probe(path) {
  try {
    return { path, version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim() };
  } catch {
    return undefined;
  }
}
