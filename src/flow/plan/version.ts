import { createHash } from 'node:crypto';
import { isPlainObject } from '../../shared/validate.js';
import { orderOf } from './order.js';
import { digest, outlineOf } from './outline.js';
import type { Plan } from './plan.js';

const versions = new WeakMap<Plan, string>();

/**
 * Returns the version of a flow, which decides whether a run can be continued: the author's version, or else a hash of
 * nodes, edges and the parameters of nodes. The order of declaration does not matter, and policies are not part of the
 * hash.
 */
export function versionOf(plan: Plan): string {
  const { version } = plan.graph;
  if (version !== undefined) return version;
  let hash = versions.get(plan);
  if (hash === undefined) {
    const params = Array.from(orderOf(plan).nodes, (node) => textOfParams(plan.nodes[node]?.params));
    hash = digest([outlineOf(plan).hash, params]);
    versions.set(plan, hash);
  }
  return hash;
}

/**
 * Returns the hash that versions up to 0.6 of this package used as the version of a plan, or `undefined` if the author
 * gave a version. The hash depends on the order of nodes and edges.
 */
export function versionBefore({ graph: { version, nodes, edges } }: Plan): string | undefined {
  if (version !== undefined) return undefined;
  try {
    return createHash('sha256')
      .update(JSON.stringify([nodes, edges]))
      .digest('base64url');
  } catch {
    // Earlier versions could not hash such parameters either, so no saved run has them.
    return undefined;
  }
}

/**
 * Converts parameters to text for the hash. Parameters that cannot be converted to JSON all have the same text, so only
 * their presence affects the hash.
 */
function textOfParams(params: unknown): string {
  try {
    return JSON.stringify(params, inOrder) ?? '';
  } catch {
    return 'no data';
  }
}

function inOrder(_key: string, value: unknown): unknown {
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
