import { untilAborted } from '../../kernel/cancellation.js';
import { currentScope } from '../../kernel/scope/process.js';
import { checkedBy } from '../../shared/schema-check.js';
import type { StandardSchema } from '../../shared/standard-schema.js';
import type { Conclusion } from '../run/happening.js';
import type { WorkflowResult } from '../run/result.js';
import type { WorkflowState } from '../run/state.js';
import { commit } from './commit.js';
import type { LinkedFlow } from './linked.js';

/**
 * Decides the end of a run whose nodes have completed: it completes with the value that the schema of the output
 * returns, or fails because the schema refuses the output or the returned value cannot be kept.
 *
 * @param read - returns the output of the run as its last nodes have left it
 * @param keep - converts the returned value to the form in which it is kept
 */
export async function concludedBy<Value>(
  schema: StandardSchema,
  read: () => unknown,
  keep: (checked: unknown) => Value,
): Promise<Conclusion<Value> | { readonly status: 'failed'; readonly reason: unknown }> {
  try {
    return { status: 'completed', output: keep(await checkedBy(schema, read(), 'output')) };
  } catch (reason) {
    return { status: 'failed', reason };
  }
}

/**
 * Applies the schema of the output to a completed run, and records the decision, so that a continued run does not apply
 * the schema again. If the program dies before the record, the schema is applied again to the same output. Changes the
 * result to the decided one; if the run is aborted while the schema works, the run is cancelled.
 */
export async function decideOutput({ links }: LinkedFlow, state: WorkflowState, result: WorkflowResult): Promise<void> {
  const schema = links.schemas.output;
  if (schema === undefined || result.status !== 'completed' || state.memory.conclusion !== undefined) return;
  const deciding = concludedBy(
    schema,
    () => result.output,
    (checked) => state.data.handedOut(checked),
  );
  const cancellation = currentScope()?.cancellation;
  try {
    if (cancellation !== undefined) await untilAborted(cancellation, deciding);
  } catch (reason) {
    Object.assign(result, { status: 'cancelled', reason });
    return;
  }
  const conclusion = await deciding;
  await commit(state, { type: 'concluded', ...conclusion });
  if (conclusion.status === 'completed') Object.assign(result, { output: conclusion.output });
  else Object.assign(result, conclusion);
}
