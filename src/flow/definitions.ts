import { isPlainObject } from '../shared/validate.js';
import type { InputMapping, NodeDefinition } from './blueprint.js';
import { fixedNode } from './plan/fixed.js';

/** A node as it was given. */
interface GivenNode {
  readonly id: string;
  readonly uses: string;
  readonly params: Readonly<Record<string, unknown>> | undefined;
  readonly inputs: InputMapping | undefined;
  readonly config: { readonly retry: unknown; readonly timeout: unknown };
}

/** A node as data, frozen. Of its policies it has what is data. */
export function nodeDefinition({ id, uses, params, inputs, config }: GivenNode): NodeDefinition {
  const data = defined({ ...config, retry: asData(config.retry), timeout: asData(limitsOf(config.timeout)) });
  return fixedNode({ id, uses, ...defined({ params, inputs, config: data }) } as NodeDefinition);
}

/** Without what is undefined; `undefined` for nothing. */
export function defined<Values extends object>(values: Values): Values | undefined {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as Values);
}

/** The part of a policy that is data; functions stay with the flow. */
function asData(policy: unknown): unknown {
  if (!isPlainObject(policy)) return policy === null || Number.isFinite(policy) ? policy : undefined;
  const data = Object.entries(policy).filter(
    ([, value]) => value === null || typeof value === 'boolean' || Number.isFinite(value),
  );
  return data.length === 0 ? undefined : Object.fromEntries(data);
}

/** Limits without Infinity, which is not JSON. */
function limitsOf(timeout: unknown): unknown {
  if (!isPlainObject(timeout)) return timeout;
  return Object.fromEntries(Object.entries(timeout).map(([name, limit]) => [name, limit === Infinity ? null : limit]));
}
