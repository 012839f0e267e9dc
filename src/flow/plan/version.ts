import { createHash } from 'node:crypto';
import { isPlainObject } from '../../shared/validate.js';
import { orderOf } from './order.js';
import { digest, outlineOf } from './outline.js';
import type { Plan } from './plan.js';

const versions = new WeakMap<Plan, string>();

/**
 * What a run belongs to: the version that the author gave, else a hash of nodes and edges with the parameters of nodes,
 * whatever the order in which they were declared. Policies are not part of it.
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

/** The version that the package gave a plan up to 0.6, a hash that the order of nodes and edges is part of; if it gave one. */
export function versionBefore({ graph: { version, nodes, edges } }: Plan): string | undefined {
  if (version !== undefined) return undefined;
  try {
    return createHash('sha256')
      .update(JSON.stringify([nodes, edges]))
      .digest('base64url');
  } catch {
    // Such parameters could not be hashed then either.
    return undefined;
  }
}

/** Parameters may be anything: of those that JSON has no words for, it counts that they are there. */
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
