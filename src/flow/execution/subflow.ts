import { AbortError } from '../../kernel/errors.js';
import { Codec } from '../../shared/codec.js';
import { checkedBy } from '../../shared/schema-check.js';
import { type AnyFunction, aState, isPlainObject } from '../../shared/validate.js';
import { restoreState } from '../checkpoint/restore.js';
import { withAction } from '../node-result.js';
import { Position } from '../plan/position.js';
import { asFailedWait, isFailedWait } from '../run/failed-wait.js';
import { innerKey } from '../run/memory.js';
import { WorkflowError, type WorkflowResult } from '../run/result.js';
import { WorkflowState } from '../run/state.js';
import { checkedInTime } from './door.js';
import { segmentOf } from './keys.js';
import type { LinkedFlow } from './linked.js';
import { type NodeCall, setSettings } from './node-call.js';
import { Suspension } from './node-executor.js';
import type { Source } from './paths.js';
import { carryOut } from './running.js';
import { FlowServices } from './services.js';
import type { Toolbox } from './toolbox.js';
import { innerWork } from './work.js';

/** Maximum depth of nested flows. A run that exceeds it is assumed to call itself endlessly. */
export const deepestFlow = 100;

/**
 * Makes the work of a node that runs a flow. The sub-flow is a separate run with its own context, inside the
 * surrounding run. If the sub-flow has already been started, in an earlier attempt or before a crash, it resumes.
 *
 * @param outputs - reads the node's output from the context of the sub-flow. Default: the output of the sub-flow
 */
export function subflowOf(flow: () => LinkedFlow, outputs: Source | undefined, toolbox: Toolbox): AnyFunction {
  return innerWork(async (input, call) => {
    const { settings, state: parent, nodeId } = call;
    if (settings.depth >= deepestFlow) throw new RangeError(`flows must not be nested more than ${deepestFlow} deep`);
    const key = innerKey(nodeId, call.index);
    const underWay = parent.inner.get(key);
    const isKnown = underWay !== undefined || parent.memory.innerAt(key) !== undefined;
    const begun = underWay?.position?.plan.graph;
    // A run that has started keeps its graph, even if the flow has changed since.
    const linked = begun === undefined ? flow() : toolbox.linkedBefore(begun);
    const state = underWay ?? (await begin(parent, key, input, linked, call, toolbox));
    const params = { ...linked.links.params, ...call.params };
    const path = pathOf(settings.path ?? segmentOf(parent.runId), call);
    setSettings(state, { ...settings, params, depth: settings.depth + 1, path });
    const { events, time, unchecked = parent.hasUncheckedEvents } = parent.memory.delivered.get(nodeId) ?? {};
    state.events = { ...parent.events, ...events };
    state.hasUncheckedEvents = unchecked;
    state.clock = parent.clock;
    state.decidedAt = time ?? parent.decidedAt;
    state.waitsSince = state.decidedAt === undefined ? undefined : state.decidedAt + 1;
    const { concurrency, failFast } = settings;
    const services = new FlowServices(toolbox, { concurrency, failFast, serializer: toolbox.serializer });
    const orchestrator = isKnown ? toolbox.drivers.goOn({ retries: call.attempt > 1 }) : toolbox.drivers.begin();
    return outcomeOf(await carryOut({ toolbox, linked, state, orchestrator, services }), linked, outputs, call);
  });
}

async function begin(
  parent: WorkflowState,
  key: string,
  given: unknown,
  { plan, links }: LinkedFlow,
  call: NodeCall,
  { core, serializer }: Toolbox,
): Promise<WorkflowState> {
  const saved = parent.memory.innerAt(key);
  const schema = saved === undefined ? links.schemas.input : undefined;
  const checking = schema === undefined ? given : checkedBy(schema, given, `input of "${call.nodeId}"`);
  const input = await checkedInTime(plan.id, {}, checking);
  const context = core.states.copy(isPlainObject(input) && saved === undefined ? aState(input, 'input') : {});
  const runId = pathOf(parent.runId, call);
  const state =
    saved === undefined
      ? new WorkflowState(context, { runId, input })
      : restoreState(plan, saved, context, runId, new Codec(serializer));
  state.position ??= new Position(plan);
  if (parent.journal !== undefined) {
    state.journal = parent.journal.openInner(key, state, links.merges);
    if (saved === undefined) await parent.journal.append({ type: 'started', key, run: state.save() });
  }
  parent.inner.set(key, state);
  return state;
}

/** Returns the path of a sub-flow. The paths of sub-flows in a batch differ by the index of the element. */
function pathOf(parent: string, { nodeId, index, visit }: NodeCall): string {
  return [parent, segmentOf(nodeId), ...(index === undefined ? [] : [index]), visit].join('/');
}

function outcomeOf(result: WorkflowResult, { plan }: LinkedFlow, outputs: Source | undefined, call: NodeCall): unknown {
  switch (result.status) {
    case 'completed': {
      const output = outputs === undefined ? result.output : outputs(result.context, call.params);
      return result.action === undefined ? output : withAction(result.action, output);
    }
    case 'awaiting':
      return new Suspension(
        result.awaiting.map((waiting) => ({ ...waiting, nodeId: `${call.nodeId}/${waiting.nodeId}` })),
      );
    case 'cancelled':
      throw result.reason;
    default:
      // The output was refused. The nodes of the sub-flow have completed, so a retry would change nothing.
      if (result.reason !== undefined) throw new AbortError(result.reason as Error);
      throw failureOf(new WorkflowError(plan.id, result), result);
  }
}

/**
 * Returns the failure of the node of a sub-flow. The policies of the node do not retry a sub-flow in which a wait has
 * failed, because it would wait once more, and so on without end.
 */
function failureOf(error: WorkflowError, { errors }: WorkflowResult): Error {
  const hasWaited = errors.some(({ cause, recoveredBy }) => recoveredBy === undefined && isFailedWait(cause));
  return hasWaited ? new AbortError(asFailedWait(error)) : error;
}
