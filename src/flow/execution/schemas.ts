import { ValidationError } from '../../shared/errors.js';
import { fromJsonSchema } from '../../shared/json-schema.js';
import { checkedBy } from '../../shared/schema-check.js';
import type { StandardSchema } from '../../shared/standard-schema.js';
import type { Graph, NodeDefinition } from '../blueprint.js';
import type { FlowSchemas } from '../node.js';
import { eventOf } from '../plan/waits.js';
import type { LinkedFlow } from './linked.js';

/** Returns the schemas of a graph that is data, which are JSON Schemas. */
export function schemasOf({ input, events, output }: Graph): FlowSchemas {
  const ofEvents = Object.entries(events ?? {}).map(([event, schema]) => [event, fromJsonSchema(schema)] as const);
  return {
    ...(input === undefined ? {} : { input: fromJsonSchema(input) }),
    ...(events === undefined ? {} : { events: Object.fromEntries(ofEvents) }),
    ...(output === undefined ? {} : { output: fromJsonSchema(output) }),
  };
}

/** Returns the event that a node waits for. `undefined` for other nodes, and for sleeps, which take no payload. */
export function awaitedBy(node: NodeDefinition): string | undefined {
  return node.uses === 'wait' ? eventOf(node) : undefined;
}

/** Returns the schema of an event, for the nodes of the flow itself. */
export function schemaOfEvent({ events = {} }: FlowSchemas, event: string): StandardSchema | undefined {
  return Object.hasOwn(events, event) ? events[event] : undefined;
}

/**
 * Returns the schemas of an event, for the flow and all flows inside it whose nodes wait for the event. The schema of
 * an outer flow comes before those of the flows inside it. A schema that several flows share is returned once.
 */
export function schemasForEvent(outer: LinkedFlow, event: string): readonly StandardSchema[] {
  const schemas = new Set<StandardSchema>();
  const flows = new Set<LinkedFlow>([outer]);
  for (const { plan, links } of flows) {
    const schema = schemaOfEvent(links.schemas, event);
    if (schema !== undefined && plan.nodes.some((node) => awaitedBy(node) === event)) schemas.add(schema);
    for (const inner of links.flows.values()) flows.add(inner());
  }
  return [...schemas];
}

/** Waits for the answer of a schema, for as long as the run may take. */
type Answered = (pending: unknown) => unknown;

/**
 * Returns the payloads of events as the schemas of the events return them.
 *
 * @throws {ValidationError} with the faults of all payloads that a schema refuses
 */
export async function checkedEvents(
  linked: LinkedFlow,
  events: Readonly<Record<string, unknown>>,
  answered: Answered,
): Promise<Readonly<Record<string, unknown>>> {
  const checked = Object.entries(events).map(async ([event, payload]) => {
    return [event, await checkedPayload(schemasForEvent(linked, event), payload, `events.${event}`, answered)] as const;
  });
  const settled = await Promise.allSettled(checked);
  const refused = settled.filter((one) => one.status === 'rejected').map(({ reason }) => reason as Error);
  if (refused.length > 1) throw new ValidationError(refused.map(({ message }) => message).join('; '));
  return Object.fromEntries(await Promise.all(checked));
}

/**
 * Checks the payload of an event by all schemas of the event, each of which gets the value that the one before it has
 * returned.
 *
 * @param field - the name of the payload, for messages
 * @throws {ValidationError} if a schema refuses the payload
 */
export async function checkedPayload(
  schemas: readonly StandardSchema[],
  payload: unknown,
  field: string,
  answered: Answered = (pending) => pending,
): Promise<unknown> {
  let value = payload;
  for (const schema of schemas) value = await answered(checkedBy(schema, value, field));
  return value;
}
