import { type JsonSchema, jsonSchemaOf } from '../shared/json-schema.js';
import { isPlainObject } from '../shared/validate.js';
import type { Graph, InputMapping, NodeDefinition } from './blueprint.js';
import type { FlowSchemas } from './node.js';
import { fixedNode } from './plan/fixed.js';

/** A node with the options passed by its author. */
interface GivenNode {
  readonly id: string;
  readonly uses: string;
  readonly params: Readonly<Record<string, unknown>> | undefined;
  readonly inputs: InputMapping | undefined;
  readonly config: { readonly retry: unknown; readonly timeout: unknown };
}

/** Makes the frozen definition of a node. Only those parts of its policies that are plain data are included. */
export function nodeDefinition({ id, uses, params, inputs, config }: GivenNode): NodeDefinition {
  const data = defined({ ...config, retry: asData(config.retry), timeout: asData(limitsOf(config.timeout)) });
  return fixedNode({ id, uses, ...defined({ params, inputs, config: data }) } as NodeDefinition);
}

/**
 * Returns the schemas of a flow as JSON Schemas, which describe the values before the schemas convert them. A schema that
 * its library cannot express is `{}`, which accepts every value.
 */
export function jsonSchemasOf({ input, events, output }: FlowSchemas): Pick<Graph, 'input' | 'events' | 'output'> {
  const ofEvents = Object.entries(events ?? {}).map(([event, schema]) => [event, jsonSchemaOf(schema)] as const);
  return {
    input: input && jsonSchemaOf(input),
    events: events && (Object.fromEntries(ofEvents) as Readonly<Record<string, JsonSchema>>),
    output: output && jsonSchemaOf(output),
  };
}

/** Copies `values` without its undefined properties. Returns `undefined` if no property is left. */
export function defined<Values extends object>(values: Values): Values | undefined {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as Values);
}

/** Returns those parts of a policy that are plain data. Functions stay with the flow. */
function asData(policy: unknown): unknown {
  if (!isPlainObject(policy)) return policy === null || Number.isFinite(policy) ? policy : undefined;
  const data = Object.entries(policy).filter(
    ([, value]) => value === null || typeof value === 'boolean' || Number.isFinite(value),
  );
  return data.length === 0 ? undefined : Object.fromEntries(data);
}

/** Returns timeout limits with Infinity replaced by `null`, because JSON cannot represent Infinity. */
function limitsOf(timeout: unknown): unknown {
  if (!isPlainObject(timeout)) return timeout;
  return Object.fromEntries(Object.entries(timeout).map(([name, limit]) => [name, limit === Infinity ? null : limit]));
}
