import type { WorkflowBlueprint } from '../blueprint.js';
import type { ExecutionServices, MaybePromise, NodeExecutionResult } from '../contracts.js';
import type { NodeError } from '../errors.js';
import { asNodeError } from '../execution/settle.js';
import type { NodeResult } from '../node-result.js';
import type { NextNode, Plan } from '../plan/plan.js';
import type { Context } from '../run/result.js';
import { stateOf, WorkflowState } from '../run/state.js';
import { ArrivalFinder, isSimple, remember } from './arrivals.js';
import { arcsKept, arcsTaken, type Decision, Decisions } from './decisions.js';
import { PassedOn } from './passed-on.js';
import type { RemoteKeys } from './remote-keys.js';
import { hasBegun, type RemoteEvents, RemotePosition } from './remote-position.js';
import { type Visit, visitInLoop } from './remote-visit.js';
import type { RunStore } from './run-store.js';
import { Turns } from './turns.js';

/**
 * The state of a run in a worker of an `EventDrivenOrchestrator`. Pass a `WorkflowState`, or implement this interface
 * to keep the context and the completed nodes in your own database. All methods may be asynchronous.
 */
export interface RemoteState {
  /** The data of the run, including the outputs of completed nodes under their ids. */
  getContext(): MaybePromise<Context>;
  /** Adds a completed node and its output. A repeated job may add the same node again. */
  addCompletedNode(nodeId: string, output: unknown): unknown;
  /** Adds the failure of a node; `error` is a `NodeError`. Default: failures are not stored. */
  addError?(nodeId: string, error: unknown): unknown;
  /**
   * Returns the failures that were added, for nodes that read `args.failures`. Default: nodes see no failures of other
   * jobs.
   */
  getErrors?(): MaybePromise<Iterable<NodeError>>;
  /** Records that a fallback has completed in place of a failed node. Default: not stored. */
  markRecovered?(nodeId: string, fallbackId: string): unknown;
  /** Adds a skipped node. Default: skipped nodes are not stored. */
  addSkippedNode?(nodeId: string): unknown;
}

/**
 * Returns the state of the run as a `WorkflowState`. If the state is of another class, a `WorkflowState` is made from
 * its current context and its failures.
 */
async function knownOf(state: RemoteState, runId: string): Promise<WorkflowState> {
  if (state instanceof WorkflowState) return state;
  const known = stateOf(await state.getContext(), runId);
  for (const error of (await state.getErrors?.()) ?? []) known.addError(error.nodeId, error);
  return known;
}

/** The objects that all jobs of a run share. */
export interface JobSurroundings {
  readonly services: ExecutionServices;
  readonly blueprint: WorkflowBlueprint;
  readonly plan: Plan;
  readonly state: RemoteState;
  readonly store: RunStore;
}

/**
 * Executes the node of a job, unless the node has already been executed, and processes the consequences.
 *
 * @returns the ids of the nodes that are ready
 */
export async function handleJob(node: number, surroundings: JobSurroundings): Promise<string[]> {
  const { plan, state, store } = surroundings;
  const known = await knownOf(state, store.runId);
  const loop = plan.loopOf[node] as number;
  if (loop < 0) {
    const visit = { number: 1, turns: new Turns(plan, store), isAgain: false };
    return new Job(surroundings, node, visit, '', known).handle();
  }
  const visit = await visitInLoop(node, plan, store);
  const turn = await visit.turns.of(loop);
  return new Job(surroundings, node, visit, turn, known).handle();
}

class Job implements RemoteEvents {
  readonly #enqueue = new Set<string>();
  readonly #keys: RemoteKeys;
  readonly #decisions: Decisions;
  readonly #position: RemotePosition;
  readonly #passedOn: PassedOn;
  /** The arcs taken in this visit, except loop exits that an earlier iteration has already taken. */
  readonly #taken = new Set<number>();
  #isAgain: boolean;

  constructor(
    private readonly surroundings: JobSurroundings,
    private readonly node: number,
    private readonly visit: Visit,
    private readonly turn: string,
    /** The state of the run. */
    private known: WorkflowState,
  ) {
    const { plan, store } = surroundings;
    this.#isAgain = visit.isAgain;
    this.#decisions = new Decisions(plan, store);
    this.#position = new RemotePosition(plan, store, visit.turns, nameOf(plan.idOf(node), turn), this);
    this.#keys = this.#position.keys;
    this.#passedOn = new PassedOn(plan);
  }

  async handle(): Promise<string[]> {
    const isNew = this.#plan.loopOf[this.node] !== -1 && !this.#isAgain;
    const known = isNew ? undefined : await this.#decisions.find('decided', this.node, this.turn);
    if (known !== undefined) this.#isAgain = true;
    const decision = known ?? (await this.#decide());
    if (decision === undefined) return [];
    if (this.#isAgain) await this.#releaseEarlierExits();
    await this.#follow(this.node, decision);
    return [...this.#enqueue];
  }

  async ready(node: number, keys: RemoteKeys): Promise<void> {
    // In a loop, a repeated job must not enqueue a node that has already started in this iteration or a later one.
    const isOld = this.#isAgain && (this.#plan.loopOf[node] as number) >= 0 && (await hasBegun(node, keys));
    if (!isOld) this.#enqueue.add(this.#plan.idOf(node));
  }

  async skipped(nodeId: string): Promise<void> {
    await this.surroundings.state.addSkippedNode?.(nodeId);
  }

  taken(arc: number): void {
    this.#taken.add(arc);
  }

  get #plan(): Plan {
    return this.surroundings.plan;
  }

  /**
   * Executes the node and records how it ended. Returns `undefined` if the node has not ended, for instance because it
   * is waiting.
   */
  async #decide(): Promise<Decision | undefined> {
    const nodeId = this.#plan.idOf(this.node);
    const execution = await this.#execute();
    if (execution.status === 'failed') return this.#setDownFailure(execution.error);
    if (execution.status !== 'success') return undefined;
    let decision: Decision;
    try {
      decision = await this.#route(this.node, execution.result);
    } catch (error) {
      return this.#setDownFailure(asNodeError(nodeId, error));
    }
    await this.surroundings.state.addCompletedNode(nodeId, execution.result.output);
    return this.#decisions.decide('decided', this.node, this.turn, decision);
  }

  async #setDownFailure(error: NodeError): Promise<Decision> {
    await this.surroundings.state.addError?.(this.#plan.idOf(this.node), error);
    return this.#decisions.decide('decided', this.node, this.turn, { failed: true });
  }

  async #execute(): Promise<NodeExecutionResult> {
    const { services, blueprint } = this.surroundings;
    const nodeId = this.#plan.idOf(this.node);
    const subject = this.#plan.owners.has(this.node) ? await this.#subject() : this.node;
    const arrivals = isSimple(this.#plan, subject)
      ? undefined
      : await new ArrivalFinder(this.#keys, this.#decisions).find(subject);
    try {
      if (arrivals !== undefined) remember(this.known, subject, arrivals, services.options.serializer);
      const input = await services.resolveNodeInput(this.#plan.idOf(subject), blueprint, this.known.getContext());
      return await services.executorFactory(blueprint)(nodeId).execute(input, this.known, this.visit.number);
    } catch (error) {
      return { status: 'failed', error: asNodeError(nodeId, error) };
    }
  }

  /**
   * Returns the node whose input this node gets. A fallback without an input mapping gets the input of the node that
   * needed the fallback first.
   */
  async #subject(node = this.node): Promise<number> {
    const owners = this.#plan.owners.get(node);
    if (owners === undefined || this.#plan.nodes[node]?.inputs !== undefined) return node;
    const released = await this.surroundings.store.get(await this.#keys.entering('joinlock', node));
    const owner = owners.find((one) => nameOf(this.#plan.idOf(one), this.turn) === released);
    return owner === undefined ? node : this.#subject(owner);
  }

  /**
   * Finds the edges to follow for a result of the node or of its fallback. The result is put into the context first,
   * because edges may read it there. If the edges cannot be found, the result is removed from the context again.
   */
  async #route(node: number, result: NodeResult): Promise<Decision> {
    const { services, blueprint } = this.surroundings;
    const { known } = this;
    const nodeId = this.#plan.idOf(node);
    const before = known.data.written(nodeId);
    known.data.write(nodeId, result.output);
    this.#passedOn.putAside(node, known);
    try {
      const context = known.getContext();
      const next = await services.determineNextNodes(blueprint, nodeId, result, context);
      for (const { edge, node: target } of next) await services.applyEdgeTransform(edge, result, target, context);
      return this.#decision(node, next, result);
    } catch (error) {
      known.data.takeBack(nodeId, result.output, before);
      throw error;
    }
  }

  #decision(node: number, next: readonly NextNode[], { action, output }: NodeResult): Decision {
    const edges = new Set(next.map(({ edge }) => edge));
    const followed = this.#plan.outgoing(node).filter(({ edge }) => edges.has(edge));
    const kept = arcsKept(this.#plan);
    const passed: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const { arc, node: target } of followed) {
      if (kept[arc] === 0 || target.id in passed) continue;
      const text = this.#textOf(this.known.memory.passed.has(arc) ? this.known.memory.passed.get(arc) : output);
      if (text !== undefined) passed[target.id] = text;
    }
    const isAll = this.#plan.isPlain(node);
    return {
      ...(action != null && { action }),
      ...(!isAll && { taken: [...new Set(followed.map(({ node: target }) => target.id))] }),
      ...(Object.keys(passed).length > 0 && { passed }),
    };
  }

  /**
   * Serializes a value that an arc passes on. A value that cannot be serialized is left out if the state is kept in
   * this program, because such a state holds the value itself.
   */
  #textOf(value: unknown): string | undefined {
    const { services, state } = this.surroundings;
    try {
      return services.options.serializer.serialize(value);
    } catch (error) {
      if (state instanceof WorkflowState) return undefined;
      throw error;
    }
  }

  /** Processes the consequences of an ended node. */
  async #follow(node: number, decision: Decision): Promise<void> {
    if (decision.failed) return this.#fail(node);
    this.#taken.clear();
    await this.#position.complete(node, arcsTaken(this.#plan, node, decision));
    this.#passedOn.keep(node, this.known, this.#taken);
    if (!this.#plan.owners.has(node)) return;
    for (const owner of await this.#position.recovering(node)) await this.#standIn(owner, node, decision);
  }

  async #fail(node: number): Promise<void> {
    const fallback = this.#plan.fallbackOf[node] as number;
    if (fallback < 0) return this.#lose(node);
    await this.#position.recover(node);
    const completion = await this.#decisions.completionOf(fallback, this.turn);
    if (completion === undefined) {
      if (await this.#hasFailed(fallback)) await this.#lose(node);
      return;
    }
    this.known = await knownOf(this.surroundings.state, this.surroundings.store.runId);
    await this.#standIn(node, fallback, completion);
  }

  /** Processes the failure of a node that no fallback recovers. The nodes that it was to replace have failed as well. */
  async #lose(node: number): Promise<void> {
    if (!this.#plan.runsAfterFailure) return;
    await this.#position.lose(node);
    if (!this.#plan.owners.has(node)) return;
    for (const owner of await this.#position.recovering(node)) await this.#lose(owner);
  }

  /** Returns true if a node has failed and no fallback recovers it. */
  async #hasFailed(node: number): Promise<boolean> {
    if (!this.#plan.runsAfterFailure || !(await this.#decisions.find('decided', node, this.turn))?.failed) return false;
    const fallback = this.#plan.fallbackOf[node] as number;
    if (fallback < 0 || (await this.#decisions.find('recovered', node, this.turn))?.failed) return true;
    return this.#hasFailed(fallback);
  }

  /** Completes a failed node with the result of its fallback. */
  async #standIn(owner: number, fallback: number, { action }: Decision): Promise<void> {
    const known = await this.#decisions.find('recovered', owner, this.turn);
    const decision = known ?? (await this.#recover(owner, fallback, action));
    // If the edges of the node could not be found, its failure is final.
    await (decision.failed ? this.#lose(owner) : this.#follow(owner, decision));
  }

  async #recover(owner: number, fallback: number, action: string | undefined): Promise<Decision> {
    const { state } = this.surroundings;
    const [nodeId, fallbackId] = [this.#plan.idOf(owner), this.#plan.idOf(fallback)];
    const output = this.known.data.written(fallbackId)?.value;
    let decision: Decision;
    try {
      decision = await this.#route(owner, { output, action });
    } catch (error) {
      await state.addError?.(nodeId, asNodeError(nodeId, error));
      return this.#decisions.decide('recovered', owner, this.turn, { failed: true });
    }
    await state.addCompletedNode(nodeId, output);
    await state.markRecovered?.(nodeId, fallbackId);
    return this.#decisions.decide('recovered', owner, this.turn, decision);
  }

  /**
   * Enqueues the nodes outside the loop that an earlier visit made ready and that have not been executed yet. A
   * repeated job may belong to that earlier visit, whose answer was lost.
   */
  async #releaseEarlierExits(): Promise<void> {
    const { store } = this.surroundings;
    const { exitOf, backOf, loopOf, outFrom } = this.#plan;
    const { node } = this;
    for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) {
      if ((exitOf[arc] as number) < 0 || (backOf[arc] as number) >= 0) continue;
      const turn = await store.get(await this.#keys.along('exit', arc));
      if (turn === undefined || turn === this.turn) continue;
      const turns = this.visit.turns.at(loopOf[node] as number, turn);
      const job = nameOf(this.#plan.idOf(node), turn);
      await new RemotePosition(this.#plan, store, turns, job, this.#earlier()).arrive(arc, 'taken');
    }
  }

  #earlier(): RemoteEvents {
    return {
      ready: async (node, keys) => {
        const isDone = (await this.#decisions.find('decided', node, await keys.turnOf(node))) !== undefined;
        if (!isDone) await this.ready(node, keys);
      },
      skipped: (nodeId) => this.skipped(nodeId),
      taken: () => undefined,
    };
  }
}

/** Returns the name of a job, which is the same for each delivery of the job. */
function nameOf(nodeId: string, turn: string): string {
  return turn === '' ? nodeId : `${turn}:${nodeId}`;
}
