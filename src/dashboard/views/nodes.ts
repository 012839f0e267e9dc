import type { PendingWork } from '../../distributed/index.js';
import type { JsonSchema, Waiting, WorkflowBlueprint, WorkflowResult } from '../../flow/index.js';
import { textOfSchema } from '../../shared/json-schema-text.js';
import type { AttemptView, EdgeView, NodeStatus, NodeView } from '../api/index.js';
import type { Redactor } from '../redaction/redactor.js';
import { maybeView } from '../redaction/views.js';

/** Everything known about a run that its graph shows. */
export interface KnownRun {
  readonly result: WorkflowResult;
  readonly pending: readonly PendingWork[];
  readonly attempts: readonly AttemptView[];
  readonly isOver: boolean;
}

type Place = Pick<NodeView, 'status' | 'event' | 'until'>;

const builtIn = ['wait', 'sleep', 'subflow', 'batch'];

/** Maximum length of outputs in a graph, in characters: of all outputs together, and of each output. */
const allOutputs = 262_144;
const longestOutput = 8_192;

export function nodeViews({ nodes }: WorkflowBlueprint, run: KnownRun, redactor: Redactor): NodeView[] {
  const placeOf = placesIn(run, new Set(nodes.map(({ id }) => id)));
  const costs = costsOf(run.attempts);
  const limit = Math.min(longestOutput, Math.ceil(allOutputs / nodes.length));
  const { context } = run.result;
  return nodes.map(({ id, uses }) => {
    const { attempts = 0, duration = 0, since } = costs.get(id) ?? {};
    const place = placeOf(id);
    const isWaiting = place.status === 'awaiting' && since !== undefined;
    const isDone = place.status === 'completed' || place.status === 'recovered';
    const hidden = Object.hasOwn(context, id) && redactor.hides(id, context[id]);
    const output = isDone && !hidden && Object.hasOwn(context, id) ? context[id] : undefined;
    const view = maybeView(output, redactor, limit);
    const kind = builtIn.includes(uses) ? uses : 'function';
    return { id, kind, ...place, attempts, duration, ...(isWaiting && { since }), ...(view && { output: view }) };
  });
}

/**
 * Converts edges, with their conditions redacted, because conditions are written by the authors of a flow and may
 * contain secrets.
 */
export function edgeViews({ nodes, edges }: WorkflowBlueprint, redactor: Redactor): EdgeView[] {
  const fallbacks = nodes.flatMap(({ id, config }) =>
    config?.fallback === undefined ? [] : [{ source: id, target: config.fallback, isFallback: true }],
  );
  const taken = edges.map(({ source, target, action, condition }) => {
    const label = action ?? condition;
    return { source, target, ...(label === undefined ? {} : { label: redactor.text(label) }), isFallback: false };
  });
  return [...taken, ...fallbacks];
}

/** Names of the events that can be signalled to the run. Waits for a time are left out. */
export function awaitedEvents({ result, isOver }: KnownRun): string[] {
  if (isOver) return [];
  const open = result.awaiting.filter(({ until, expires }) => until === undefined || expires === true);
  return [...new Set(open.map(({ event }) => event))];
}

/** Describes the payloads of events that have a schema. The schemas of sub-flows are not known. */
export function expectedBy(
  { events = {} }: WorkflowBlueprint,
  awaiting: readonly string[],
  redactor: Redactor,
): Readonly<Record<string, string>> | undefined {
  const known = awaiting.filter((event) => Object.hasOwn(events, event));
  const texts = known.map((event) => [event, redactor.text(textOfSchema(events[event] as JsonSchema))]);
  return known.length === 0 ? undefined : Object.fromEntries(texts);
}

/**
 * Returns the status of each node. Until the run has ended, waits and queued work take precedence, because a waiting
 * node has a timer in the queue, and a node in a cycle also has the results of earlier visits. After the run has ended,
 * nothing waits any more: a node that was still waiting has been cut.
 */
function placesIn({ result, pending, isOver }: KnownRun, ids: ReadonlySet<string>): (id: string) => Place {
  const items = new Map(pending.map((item) => [item.nodeId, item]));
  const ends = endsOf(result, isOver);
  const waits = waitsOf(result, ids);
  return (id) => {
    const waiting = waits.get(id);
    if (waiting !== undefined && !isOver) {
      const { event, until } = waiting;
      return { status: 'awaiting', event, ...(until === undefined ? {} : { until }) };
    }
    const item = items.get(id);
    if (item !== undefined) return { status: statusOf(item) };
    if (!isOver) return { status: ends.get(id) ?? 'pending' };
    return { status: ends.get(id) ?? (waiting === undefined ? 'unreached' : 'cut') };
  };
}

/**
 * Waits by node. The id of a wait inside a node is prefixed with the ids around it (`order/approval`). Ids may contain
 * slashes themselves, so the longest matching id wins.
 */
function waitsOf({ awaiting }: WorkflowResult, ids: ReadonlySet<string>): Map<string, Waiting> {
  const waits = new Map<string, Waiting>();
  for (const waiting of awaiting) {
    let id = waiting.nodeId;
    while (!ids.has(id) && id.includes('/')) id = id.slice(0, id.lastIndexOf('/'));
    if (!waits.has(id)) waits.set(id, waiting);
  }
  return waits;
}

function statusOf({ state, attempt }: PendingWork): NodeStatus {
  if (state === 'active') return 'running';
  return attempt > 1 ? 'retrying' : 'queued';
}

/** Statuses of the nodes that have ended. */
function endsOf(result: WorkflowResult, isOver: boolean): Map<string, NodeStatus> {
  const ends = new Map<string, NodeStatus>();
  const set = (ids: readonly string[], status: NodeStatus) => {
    for (const id of ids) ends.set(id, status);
  };
  const { errors, unreached, completed, skipped, cutShort } = result;
  set(idsOf(errors), 'failed');
  // A node that is going to be retried has not failed yet.
  set(idsOf(unreached), isOver ? 'unreached' : 'pending');
  set([...cutShort, ...idsOf(unreached.filter(({ isReady }) => isReady))], isOver ? 'cut' : 'queued');
  set(completed, 'completed');
  set(skipped, 'skipped');
  // The node may have run again since its recovery, and then has the status of the later visit.
  for (const { nodeId, recoveredBy } of errors) {
    if (recoveredBy !== undefined && ends.get(nodeId) === 'completed') ends.set(nodeId, 'recovered');
  }
  return ends;
}

function idsOf(list: readonly { readonly nodeId: string }[]): string[] {
  return list.map(({ nodeId }) => nodeId);
}

interface Cost {
  readonly attempts: number;
  readonly duration: number;
  /** Start of the current wait. */
  readonly since?: number | undefined;
}

/** Number and duration of the executions of each node. */
function costsOf(attempts: readonly AttemptView[]): Map<string, Cost> {
  const costs = new Map<string, Cost>();
  const seen = new Set<string>();
  for (const { nodeId, visit, attempt, status, startedAt, duration } of attempts) {
    if (status === 'running') continue;
    const cost = costs.get(nodeId) ?? { attempts: 0, duration: 0 };
    const key = JSON.stringify([nodeId, visit, attempt]);
    costs.set(nodeId, {
      attempts: cost.attempts + (seen.has(key) ? 0 : 1),
      duration: cost.duration + (duration ?? 0),
      since: duration === undefined ? startedAt : undefined,
    });
    seen.add(key);
  }
  return costs;
}
