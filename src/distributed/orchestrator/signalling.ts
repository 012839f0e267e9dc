import { checkedPayload } from '../../flow/execution/index.js';
import type { RunHandle } from '../run/run-handle.js';
import { checkEvent } from './control.js';

/** A payload that may be sent. */
interface CheckedSignal {
  readonly checked: unknown;
  /** If true, a worker still has to apply the schema of the event. */
  readonly unchecked: true | undefined;
}

/**
 * Checks an event and its payload. With the code of the workflow, the payload becomes what the schemas of the event
 * return. Without the code, the JSON Schema of the graph refuses what is clearly wrong, and the payload stays as it is:
 * the schema itself is applied by the worker that ends the wait. The schemas of sub-flows are known to workers only.
 *
 * @throws {ValidationError} for an event for which no node waits, and for a payload that a schema refuses
 */
export async function checkedSignal(handle: RunHandle, event: string, payload: unknown): Promise<CheckedSignal> {
  checkEvent(handle, event);
  const { workflow } = handle;
  const schemas = workflow.schemasForEvent(event);
  const checked = await checkedPayload(schemas, payload, 'payload');
  if (workflow.hasCode) return { checked, unchecked: undefined };
  const mayBeInside = workflow.plan.nodes.some(({ uses }) => uses === 'subflow' || uses === 'batch');
  return { checked: payload, unchecked: schemas.length > 0 || mayBeInside ? true : undefined };
}
