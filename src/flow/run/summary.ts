import type { NodeError } from '../errors.js';
import { some } from '../plan/loops.js';
import type { Position } from '../plan/position.js';
import { lastOf, outputOf } from './conclusion.js';
import type { RunData } from './data.js';
import type { Unreached, Waiting, WorkflowResult, WorkflowStatus } from './result.js';
import type { RunMemory } from './saved.js';

/** The part of a run's state that is needed to make its result. */
export interface Known<State extends object> {
  readonly runId: string;
  readonly memory: Pick<RunMemory, 'position' | 'actions' | 'awaiting' | 'conclusion'>;
  readonly cutShort: ReadonlySet<string>;
  readonly aborted: { readonly reason: unknown } | undefined;
  readonly data: RunData;
  getContext(): State;
  getErrors(): readonly NodeError[];
  isCompleted(nodeId: string): boolean;
  getSkippedNodes(): ReadonlySet<string>;
}

/** The outcome of a run so far. Its texts are written only when they are read. */
export class Summary<State extends object> implements WorkflowResult<State> {
  readonly runId: string;
  status: WorkflowStatus = 'running';
  declare readonly context: State;
  readonly output: unknown;
  readonly action: string | undefined;
  readonly errors: readonly NodeError[];
  readonly completed: readonly string[];
  readonly skipped: readonly string[];
  readonly awaiting: readonly Waiting[];
  readonly cutShort: readonly string[];
  readonly unreached: readonly Unreached[];
  readonly reason: unknown;
  readonly #serialize: (value: unknown) => string;
  readonly #save: () => unknown;

  constructor(
    known: Known<State>,
    completed: readonly string[],
    serialize: (value: unknown) => string,
    save: () => unknown,
  ) {
    const { memory, cutShort } = known;
    const { position, conclusion } = memory;
    this.#serialize = serialize;
    this.#save = save;
    this.runId = known.runId;
    show(this, known);
    this.errors = known.getErrors();
    this.completed = completed;
    this.skipped = [...known.getSkippedNodes()];
    this.awaiting = [...memory.awaiting.values()].flat();
    this.cutShort = [...cutShort];
    this.reason = known.aborted?.reason ?? (conclusion?.status === 'failed' ? conclusion.reason : undefined);
    this.unreached = position === undefined ? [] : unreachedOf(position, cutShort);
    const last = position === undefined ? [] : lastOf(position, (nodeId) => known.isCompleted(nodeId));
    this.output = conclusion?.status === 'completed' ? conclusion.output : outputIn(last, known);
    this.action = last.length === 1 ? memory.actions.get(last[0] as string) : undefined;
  }

  get serializedContext(): string {
    return this.#serialize(this.context);
  }

  get snapshot(): string {
    return this.#serialize(this.#save());
  }
}

function outputIn(last: readonly string[], { data }: Pick<Known<object>, 'data'>): unknown {
  return outputOf<unknown>(
    last,
    (nodeId) => data.outputOf(nodeId),
    (outputs) => outputs,
  );
}

/** Defines `context` on the result. In a saved run, the object is made when the property is first read. */
function show<State extends object>(summary: Summary<State>, known: Known<State>): void {
  // The context of a saved run is a proxy. The result has an ordinary object with the committed data instead.
  const { saved } = known.data;
  let made: object | undefined;
  const get = () => {
    made ??= saved?.toObject();
    return made;
  };
  const shown = { enumerable: true, configurable: true };
  Object.defineProperty(
    summary,
    'context',
    saved === undefined ? { ...shown, value: known.getContext(), writable: true } : { ...shown, get },
  );
}

function unreachedOf(position: Position, cutShort: ReadonlySet<string>): Unreached[] {
  const { plan } = position;
  const found: Unreached[] = [];
  for (let node = 0; node < plan.nodeCount; node++) {
    const status = position.statusOf(node);
    if (status === 'completed' || status === 'skipped') continue;
    const id = plan.idOf(node);
    const unneeded = plan.owners.has(node) && position.recovered(node).length === 0;
    if (status === 'pending' && !unneeded) found.push({ nodeId: id, reason: whyPending(position, node) });
    const waitsForItsTurn = status === 'ready' || (status === 'running' && !cutShort.has(id));
    if (waitsForItsTurn) found.push({ nodeId: id, reason: 'it is ready, and was not started', isReady: true });
  }
  return found;
}

/** Maximum number of awaited nodes that a reason names. */
const mostNamed = 3;

/** Returns the reason why a node is pending: the status of the nodes that it still waits for. */
function whyPending(position: Position, node: number): string {
  const { plan } = position;
  const reasons: string[] = [];
  some(plan.into, node, (arc) => {
    const source = plan.arcSource[arc] as number;
    if (position.isOpen(arc) && (plan.backOf[arc] as number) < 0) {
      reasons.push(`it waits for "${plan.idOf(source)}", which ${whatBecameOf[position.statusOf(source)]}`);
    }
    return reasons.length === mostNamed;
  });
  return reasons.length > 0 ? reasons.join('; ') : 'nothing leads to it any more';
}

const whatBecameOf = {
  pending: 'was not reached',
  ready: 'was not started',
  running: 'has not ended',
  completed: 'is in a loop that has not ended',
  skipped: 'is in a loop that has not ended',
  failed: 'failed',
  recovering: 'failed, and its fallback has not stood in for it',
  awaiting: 'waits for something outside',
} as const;
