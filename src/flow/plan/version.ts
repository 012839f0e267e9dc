import { createHash } from 'node:crypto';
import type { Plan } from './plan.js';

const versions = new WeakMap<Plan, string>();

/** What a checkpoint belongs to: the version that the author gave, else a hash of the nodes and edges. */
export function versionOf(plan: Plan): string {
  const { version, nodes, edges } = plan.graph;
  if (version !== undefined) return version;
  let hash = versions.get(plan);
  if (hash === undefined) {
    hash = createHash('sha256')
      .update(JSON.stringify([nodes, edges]))
      .digest('base64url');
    versions.set(plan, hash);
  }
  return hash;
}
