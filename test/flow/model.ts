import {
  fallbacksOf,
  flattened,
  type Loop,
  loopsOf,
  type ModelEdge,
  type ModelGraph,
  type ModelNode,
} from './model-loops.js';

/*
 * A model of the runs of a flow. It follows the rules literally, without regard to speed.
 *
 * A node goes from waiting to ready, and from there to completed, skipped or failed; one that failed and has a
 * fallback is in need until the fallback has completed or failed. An arc (all edges from one node to another) is
 * undecided until it is taken or not taken. Everything that is ready is executed as one batch; then the rules are
 * applied until nothing changes.
 *
 * After a failure, some arcs are never decided. Such an arc is lost: its source has failed, cannot become ready because
 * of lost arcs, or has ended in a loop whose turn cannot end.
 */

/** The behaviour of a node at one visit. */
export interface Step {
  readonly action?: string | undefined;
  /** The conditions that are true after this step. All others are false. */
  readonly holds?: readonly string[];
  /** The conditions that cannot be evaluated after this step. */
  readonly broken?: readonly string[];
  readonly fails?: boolean;
}

export type Script = (nodeId: string, visit: number) => Step;

/** One execution: the node and its visit, as `node#1`. */
export type Execution = string;

export interface ModelResult {
  readonly status: 'completed' | 'failed' | 'stalled';
  /** The number of executions of each node. */
  readonly executions: ReadonlyMap<string, number>;
  readonly batches: readonly (readonly Execution[])[];
  readonly completed: ReadonlySet<string>;
  readonly skipped: ReadonlySet<string>;
  readonly failed: ReadonlySet<string>;
  readonly unreached: ReadonlySet<string>;
  /** For each execution, sets of earlier ones. It starts after all executions of at least one set have ended. */
  readonly order: ReadonlyMap<Execution, readonly (readonly Execution[])[]>;
  /** The failed executions whose fallback has completed with an action that no edge has. */
  readonly lost: ReadonlySet<Execution>;
}

/** Selects the ready nodes of the next batch. Default: all of them. */
type Choose = (ready: readonly string[]) => readonly string[];

export function modelRun(graph: ModelGraph, script: Script, choose: Choose = (ready) => ready): ModelResult {
  return new ModelRun(graph, script).toEnd(choose);
}

type Status = 'waiting' | 'ready' | 'awaiting' | 'completed' | 'skipped' | 'in need' | 'failed' | 'lost';

interface NodeState {
  status: Status;
  /** Sets of executions. One set must have ended before this node starts. */
  readonly causes: Execution[][];
  /** The executions that have ended when this node is completed, skipped or failed. */
  after: Execution[];
  step?: Step;
}

interface Decision {
  readonly taken: boolean;
  readonly after: readonly Execution[];
}

class ModelRun {
  readonly #ids: string[];
  readonly #loops: Loop[];
  readonly #fallbacks: Set<string>;
  readonly #ended = new Set<Loop>();
  readonly #states = new Map<string, NodeState>();
  readonly #decisions = new Map<string, Decision>();
  readonly #visits = new Map<string, number>();
  readonly #executions = new Map<string, number>();
  readonly #order = new Map<Execution, Execution[][]>();
  readonly #batches: Execution[][] = [];
  readonly #lost = new Set<Execution>();
  /** The nodes that have become ready at the first lost arc. Any lost arc may have been the first. */
  readonly #alarms: { readonly id: string; readonly causes: Execution[][] }[] = [];

  constructor(
    readonly graph: ModelGraph,
    readonly script: Script,
  ) {
    this.#ids = graph.nodes.map(({ id }) => id);
    this.#loops = flattened(loopsOf(graph));
    this.#fallbacks = fallbacksOf(graph);
  }

  toEnd(choose: Choose): ModelResult {
    for (const id of starts(this.graph)) this.#ready(id, []);
    this.#settle();
    for (;;) {
      for (let ready = this.#with('ready'); ready.length > 0; ready = this.#with('ready')) {
        const outcomes = choose(ready).map((id) => ({ id, step: this.#execute(id) }));
        this.#batches.push(outcomes.flatMap(({ id, step }) => (step ? this.#state(id).after : [])));
        for (const { id, step } of outcomes) {
          if (step && this.#node(id)?.waits) this.#await(id, step);
          else this.#finish(id, step);
        }
        this.#settle();
      }
      const awaiting = this.#with('awaiting');
      if (awaiting.length === 0) return this.#result();
      for (const id of awaiting) this.#endWait(id);
      this.#settle();
    }
  }

  // The rules

  /** Visits a node. Nothing is executed if the node has reached its maximum number of visits. */
  #execute(id: string): Step | undefined {
    const visit = (this.#visits.get(id) ?? 0) + 1;
    this.#visits.set(id, visit);
    if (visit > (this.#node(id)?.maxVisits ?? 1000)) return undefined;
    const execution = `${id}#${visit}`;
    this.#executions.set(id, visit);
    this.#order.set(execution, this.#state(id).causes);
    this.#state(id).after = [execution];
    return this.script(id, visit);
  }

  #await(id: string, step: Step): void {
    this.#state(id).step = step;
    this.#state(id).status = 'awaiting';
  }

  /** Ends a wait: with its event, or if it expires, with the action of an expiry, without which it fails. */
  #endWait(id: string): void {
    const { step = {} } = this.#state(id);
    if (this.#node(id)?.waits !== 'expiring') this.#finish(id, step);
    else if (this.#isFollowedInTime(id)) this.#finish(id, { ...step, action: 'timeout' });
    else this.#fail(id);
  }

  #isFollowedInTime(id: string): boolean {
    return this.graph.edges.some(({ source, action }) => source === id && action === 'timeout');
  }

  #finish(id: string, step: Step | undefined): void {
    const breaks = step && this.#candidates(id, step).some(({ condition }) => isIn(step.broken, condition));
    const isLost = breaks || isStray(this.graph, id, step?.action);
    if (step && !step.fails && !isLost) this.#complete(id, step, this.#state(id).after);
    else this.#fail(id);
  }

  #complete(id: string, step: Step, after: readonly Execution[]): void {
    this.#end(id, 'completed', after);
    this.#state(id).step = step;
    const taken = this.#candidates(id, step).filter(({ condition }) => !condition || isIn(step.holds, condition));
    const targets = new Set(taken.map(({ target }) => target));
    for (const target of this.#targets(id)) this.#decideForNow(id, target, targets.has(target), after);
  }

  #skip(id: string, after: readonly Execution[]): void {
    this.#end(id, 'skipped', after);
    for (const target of this.#targets(id)) this.#decideForNow(id, target, false, after);
  }

  #fail(id: string): void {
    const fallback = this.#node(id)?.fallback;
    const after = this.#state(id).after;
    this.#end(id, fallback === undefined ? 'failed' : 'in need', after);
    if (fallback !== undefined) this.#state(fallback).causes.push(after);
  }

  /** The edges with the chosen action, or else the edges without an action. */
  #candidates(id: string, { action }: Step): ModelEdge[] {
    const edges = this.graph.edges.filter(({ source }) => source === id);
    const named = edges.filter((edge) => action !== undefined && edge.action === action);
    return named.length > 0 ? named : edges.filter((edge) => edge.action === undefined);
  }

  /** Decides on an edge. An edge out of a loop stays undecided if a later turn may still take it. */
  #decideForNow(source: string, target: string, taken: boolean, after: readonly Execution[]): void {
    if (taken || this.#leaves(source, target).length === 0) this.#decide(source, target, { taken, after });
  }

  #decide(source: string, target: string, decision: Decision): void {
    const arc = arcOf(source, target);
    if (this.#decisions.has(arc)) return;
    this.#decisions.set(arc, decision);
    const joins = this.#joined(target).includes(source) && this.#node(target)?.joinStrategy === 'any';
    if (decision.taken && joins) this.#state(target).causes.push([...decision.after]);
  }

  #settle(): void {
    while (this.#ids.some((id) => this.#advance(id)) || this.#loops.some((loop) => this.#turn(loop)) || this.#letGo());
  }

  /** Changes the status of a node if a rule applies. */
  #advance(id: string): boolean {
    const { status } = this.#state(id);
    if (status === 'in need') return this.#standIn(id);
    if (status !== 'waiting') return false;
    return this.#fallbacks.has(id) ? this.#offer(id) : this.#join(id);
  }

  #join(id: string): boolean {
    const sources = this.#joined(id);
    if (sources.length === 0) return false;
    const decided = sources.flatMap((source) => this.#decisions.get(arcOf(source, id)) ?? []);
    const lost = sources.filter((source) => this.#isLost(source, id));
    const open = sources.length - decided.length - lost.length;
    const taken = decided.filter((decision) => decision.taken).length;
    const after = decided.flatMap((decision) => decision.after);
    switch (this.#node(id)?.joinStrategy) {
      case 'any':
        if (taken > 0) this.#state(id).status = 'ready';
        else if (open > 0) return false;
        else if (lost.length > 0) this.#end(id, 'lost', []);
        else this.#skip(id, after);
        return true;
      case 'failed':
        if (lost.length > 0) this.#alarm(id);
        else if (open > 0) return false;
        else this.#skip(id, after);
        return true;
      case 'settled': {
        if (open > 0) return false;
        const ended = lost.flatMap((source) => this.#endOf(source));
        if (taken > 0 || lost.length > 0) this.#ready(id, [...after, ...ended]);
        else this.#skip(id, after);
        return true;
      }
      case 'allCompleted':
        if (lost.length > 0) this.#end(id, 'lost', []);
        else if (open > 0) return false;
        else if (taken === sources.length) this.#ready(id, after);
        else this.#skip(id, after);
        return true;
      default:
        if (lost.length > 0) this.#end(id, 'lost', []);
        else if (open > 0) return false;
        else if (taken > 0) this.#ready(id, after);
        else this.#skip(id, after);
        return true;
    }
  }

  #alarm(id: string): void {
    this.#alarms.push({ id, causes: this.#state(id).causes });
    this.#state(id).status = 'ready';
  }

  /** Returns true if the arc is undecided, and a failure keeps it from being decided. */
  #isLost(source: string, target: string): boolean {
    if (this.#decisions.has(arcOf(source, target))) return false;
    const { status } = this.#state(source);
    if (status === 'failed' || status === 'lost') return true;
    if (status !== 'completed' && status !== 'skipped') return false;
    const loop = this.#leaves(source, target).find((left) => !this.#ended.has(left));
    return [...(loop?.members ?? [])].some((id) => ['failed', 'lost'].includes(this.#state(id).status));
  }

  /** The executions after which the arcs of a failed node are lost. Those of other lost arcs are not known. */
  #endOf(source: string): Execution[] {
    const { status, after } = this.#state(source);
    return status === 'failed' ? after : [];
  }

  /** Makes a fallback ready if a node needs it, or skips it if no node can need it any more. */
  #offer(fallback: string): boolean {
    const owners = this.graph.nodes.filter((node) => node.fallback === fallback).map(({ id }) => this.#state(id));
    if (owners.some(({ status }) => status === 'in need')) this.#state(fallback).status = 'ready';
    else if (owners.every(hasEndedWell)) {
      this.#skip(
        fallback,
        owners.flatMap(({ after }) => after),
      );
    } else if (owners.every((owner) => hasEndedWell(owner) || ['failed', 'lost'].includes(owner.status))) {
      this.#end(fallback, 'lost', []);
    } else return false;
    return true;
  }

  #standIn(id: string): boolean {
    const own = this.#state(id);
    const fallback = this.#state(this.#node(id)?.fallback ?? '');
    if (fallback.status === 'failed') own.status = 'failed';
    else if (isStray(this.graph, id, fallback.step?.action)) {
      own.status = 'failed';
      for (const execution of own.after) this.#lost.add(execution);
    } else if (fallback.step) this.#complete(id, fallback.step, [...own.after, ...fallback.after]);
    else return false;
    return true;
  }

  /** Ends a turn whose nodes and inner loops have ended, and starts the next turn or ends the loop. */
  #turn(loop: Loop): boolean {
    const members = [...loop.members];
    if (this.#ended.has(loop) || !members.every((id) => hasEndedWell(this.#state(id)))) return false;
    if (!loop.inner.every((inner) => this.#ended.has(inner))) return false;
    const after = [...new Set(members.flatMap((id) => this.#state(id).after))];
    const isBack = (source: string, target: string) => this.#decisions.get(arcOf(source, target))?.taken;
    const again = [...loop.headers].filter((header) => members.some((id) => isBack(id, header)));
    if (again.length > 0) this.#renew(loop, again, after);
    else this.#endLoop(loop, after);
    return true;
  }

  #renew(loop: Loop, again: readonly string[], after: readonly Execution[]): void {
    for (const inner of flattened(loop.inner)) this.#ended.delete(inner);
    for (const source of loop.members) {
      this.#states.delete(source);
      for (const target of loop.members) this.#decisions.delete(arcOf(source, target));
    }
    for (const header of loop.headers) {
      if (again.includes(header)) this.#ready(header, after);
      else this.#skip(header, after);
    }
  }

  #endLoop(loop: Loop, after: readonly Execution[]): void {
    this.#ended.add(loop);
    for (const { source, target } of this.graph.edges) {
      if (this.#leaves(source, target).at(-1) === loop) this.#decide(source, target, { taken: false, after });
    }
  }

  /**
   * Skips the waits that can change nothing, with the nodes that wait for them alone: all that they lead to is each
   * other, and joins of `any` that have started. What an aside still needs is kept: a `settled` one the end of a node, a
   * `failed` one a node that may fail.
   */
  #letGo(): boolean {
    const held = this.#held();
    const kept = new Set<string>();
    const failing = this.#failingAmong(held);
    const isKept = (id: string) =>
      this.#open(id).some(
        (target) => (this.#isAside(target) && this.#mayRunBehind(id, target, failing)) || kept.has(target),
      );
    for (let more = true; more; ) {
      more = false;
      for (const id of held) if (!kept.has(id) && isKept(id)) more = kept.add(id) !== undefined;
    }
    const free = [...held].filter((id) => !kept.has(id));
    for (const id of free) this.#skip(id, []);
    return free.length > 0;
  }

  /** The nodes that are waited for by each other and by joins of `any` that have started, and by nothing else. */
  #held(): Set<string> {
    const held = new Set(this.#ids.filter((id) => this.#isPending(id) || this.#state(id).status === 'awaiting'));
    const isHeld = (id: string): boolean => {
      if (this.#fallbacks.has(id) || this.#node(id)?.fallback !== undefined) return false;
      if (this.#isPending(id) && !this.#waitsOnlyFor(id, held)) return false;
      if ([...this.#targets(id)].some((target) => this.#leadsBack(id, target))) return false;
      const failing = this.#failingAmong(held);
      const targets = this.#open(id).filter((target) => !this.#isAside(target));
      const runs = targets.filter((target) => this.#isPending(target));
      if (runs.some((target) => !held.has(target) && !runsAfterFailure(this.#node(target)))) return false;
      if (runs.some((target) => this.#mayRunBehind(id, target, failing))) return false;
      return targets.some((target) => held.has(target) || this.#hasGoneOn(target));
    };
    for (let gone = [...held].find((id) => !isHeld(id)); gone; gone = [...held].find((id) => !isHeld(id))) {
      held.delete(gone);
    }
    return held;
  }

  /** Returns true if a node has started or was skipped without waiting for the arcs that are still open. */
  #hasGoneOn(id: string): boolean {
    const { status } = this.#state(id);
    if (this.#isPending(id)) return false;
    return this.#node(id)?.joinStrategy === 'any' || status === 'skipped';
  }

  #waitsOnlyFor(id: string, held: ReadonlySet<string>): boolean {
    if (runsAfterFailure(this.#node(id))) return false;
    const sources = this.graph.edges.filter(({ target }) => target === id).map(({ source }) => source);
    const isDecided = (source: string) => this.#decisions.has(arcOf(source, id));
    if (this.#joined(id).some((source) => this.#decisions.get(arcOf(source, id))?.taken)) return false;
    return sources.every((source) => isDecided(source) || held.has(source));
  }

  /** The nodes of a set that may fail, and those that such a failure keeps from running. */
  #failingAmong(held: ReadonlySet<string>): Set<string> {
    const failing = new Set([...held].filter((id) => this.#mayFail(id)));
    for (const id of failing) for (const target of this.#targets(id)) if (held.has(target)) failing.add(target);
    return failing;
  }

  #mayFail(id: string): boolean {
    const { waits } = this.#node(id) ?? {};
    if (waits === undefined) return true;
    if (this.graph.edges.some(({ source, condition }) => source === id && condition !== undefined)) return true;
    if (this.#isPending(id) && this.#loops.some(({ members }) => members.has(id))) return true;
    return (waits === 'answered' || waits === 'expiring') && !this.#isFollowedInTime(id);
  }

  /** Returns true if a pending node that runs after a failure may run because of how another node ends. */
  #mayRunBehind(id: string, target: string, failing: ReadonlySet<string>): boolean {
    if (!this.#isPending(target)) return false;
    const { joinStrategy } = this.#node(target) ?? {};
    return joinStrategy === 'settled' || (joinStrategy === 'failed' && failing.has(id));
  }

  /**
   * Clean-up and alarms: nodes that run after a failure and lead to nothing, or only to others of their kind. None of
   * them leads back to itself.
   */
  #isAside(id: string, before: readonly string[] = []): boolean {
    if (!runsAfterFailure(this.#node(id)) || before.includes(id)) return false;
    return [...this.#targets(id)].every((target) => this.#isAside(target, [...before, id]));
  }

  // Lookups of the rules

  #isPending(id: string): boolean {
    const { status } = this.#state(id);
    return status === 'waiting' || status === 'lost';
  }

  /** The targets of the arcs of a node that are not decided. */
  #open(id: string): string[] {
    return [...this.#targets(id)].filter((target) => !this.#decisions.has(arcOf(id, target)));
  }

  #leadsBack(source: string, target: string): boolean {
    return this.#loops.some(({ members, headers }) => members.has(source) && headers.has(target));
  }

  /** The loops that an edge leaves, the innermost first. */
  #leaves(source: string, target: string): Loop[] {
    return this.#loops.filter(({ members }) => members.has(source) && !members.has(target));
  }

  /** The sources of the arcs that a node joins: all arcs into the node except back arcs. */
  #joined(id: string): string[] {
    const headed = this.#loops.find(({ headers }) => headers.has(id));
    const sources = this.graph.edges.filter(({ target }) => target === id).map(({ source }) => source);
    return [...new Set(sources)].filter((source) => !headed?.members.has(source));
  }

  #targets(id: string): Set<string> {
    return new Set(this.graph.edges.filter(({ source }) => source === id).map(({ target }) => target));
  }

  #node(id: string) {
    return this.graph.nodes.find((node) => node.id === id);
  }

  #state(id: string): NodeState {
    const state = this.#states.get(id) ?? { status: 'waiting', causes: [], after: [] };
    this.#states.set(id, state);
    return state;
  }

  #ready(id: string, after: readonly Execution[]): void {
    this.#state(id).causes.push([...after]);
    this.#state(id).status = 'ready';
  }

  #end(id: string, status: Status, after: readonly Execution[]): void {
    this.#state(id).status = status;
    this.#state(id).after = [...after];
  }

  #with(status: Status): string[] {
    return this.#ids.filter((id) => this.#state(id).status === status);
  }

  #result(): ModelResult {
    for (const { id, causes } of this.#alarms) {
      const lost = this.#joined(id).filter((source) => this.#isLost(source, id));
      causes.push(...lost.map((source) => this.#endOf(source)));
    }
    const [completed, skipped, failed] = (['completed', 'skipped', 'failed'] as const).map(
      (status) => new Set(this.#with(status)),
    ) as [Set<string>, Set<string>, Set<string>];
    const unreached = this.#ids.filter((id) => !completed.has(id) && !skipped.has(id) && !failed.has(id));
    const open = unreached.filter((id) => !this.#fallbacks.has(id));
    const status = failed.size > 0 ? 'failed' : open.length > 0 ? 'stalled' : 'completed';
    const executions = this.#executions;
    const [batches, order, lost] = [this.#batches, this.#order, this.#lost];
    const ends = { completed, skipped, failed, unreached: new Set(unreached) };
    return { status, executions, batches, ...ends, order, lost };
  }
}

/** The nodes without incoming edges; if there are none, the first declared node. */
export function starts({ nodes, edges }: ModelGraph): string[] {
  const fallbacks = fallbacksOf({ nodes, edges });
  const own = nodes.map(({ id }) => id).filter((id) => !fallbacks.has(id));
  const free = own.filter((id) => edges.every(({ target }) => target !== id));
  return free.length > 0 ? free : own.slice(0, 1);
}

/** If true, all edges of a node have actions, and none has the chosen one. */
export function isStray({ edges }: ModelGraph, id: string, action: string | undefined): boolean {
  const actions = edges.filter(({ source }) => source === id).map((edge) => edge.action);
  return action !== undefined && actions.length > 0 && !actions.includes(undefined) && !actions.includes(action);
}

function runsAfterFailure(node: ModelNode | undefined): boolean {
  return node?.joinStrategy === 'settled' || node?.joinStrategy === 'failed';
}

function arcOf(source: string, target: string): string {
  return `${source} -> ${target}`;
}

function hasEndedWell({ status }: NodeState): boolean {
  return status === 'completed' || status === 'skipped';
}

function isIn(list: readonly string[] | undefined, condition: string | undefined): boolean {
  return condition !== undefined && (list?.includes(condition) ?? false);
}
