import { aName, anObjectOf, invalid } from '../../validate.js';
import type { WorkflowBlueprint } from '../blueprint.js';
import type { ExecutionServices, ICoordinationStore, MaybePromise, NodeExecutionResult } from '../contracts.js';
import type { NodeError } from '../errors.js';
import { asNodeError, settle } from '../execution/settle.js';
import type { NodeResult } from '../node-result.js';
import { compiled, type NextNode, type Plan, planOf } from '../plan/plan.js';
import type { Position } from '../plan/position.js';
import type { Context } from '../result.js';
import { stateOf, WorkflowState } from '../state.js';
import { GraphTraverser } from '../traverser.js';
import { type RemoteEvents, RemotePosition } from './remote-position.js';

/** What `new EventDrivenOrchestrator` takes besides services and store. */
export interface EventDrivenOptions {
  /** What the keys in the store begin with. Default: `orchestrator`. */
  readonly keyPrefix?: string | undefined;
}

/** What a worker has of a run's state: a `WorkflowState`, or anything that keeps context and completed nodes elsewhere. */
export interface RemoteState {
  /** The data of the run, outputs under the ids of their nodes among it. */
  getContext(): MaybePromise<Context>;
  addCompletedNode(nodeId: string, output: unknown): unknown;
  addError?(nodeId: string, error: unknown): unknown;
  markRecovered?(nodeId: string, fallbackId: string): unknown;
  addSkippedNode?(nodeId: string): unknown;
}

const readOptions = anObjectOf<EventDrivenOptions>({ keyPrefix: aName });

/**
 * Executes one node a call: the heart of a worker that takes nodes from a queue. What it returns is to be enqueued.
 *
 * Joins, loops and fallbacks are coordinated in a store that the workers share, by the same rules as everywhere; how is
 * said at `RemotePosition`. A job that is delivered twice executes its node twice, and gives the same answer.
 *
 * @example
 * const orchestrator = new EventDrivenOrchestrator(runtime.services, new RedisCoordinationStore(redis));
 * queue.process(async ({ nodeId, runId }) => {
 *   const { nodesToEnqueue } = await orchestrator.handleJob(nodeId, blueprint, await states.load(runId), runId);
 *   for (const next of nodesToEnqueue) await queue.add({ nodeId: next, runId });
 * });
 */
export class EventDrivenOrchestrator {
  readonly #prefix: string;

  /**
   * @param services - of a runtime, or of `runtime.prepare(flow)`
   * @param coordinationStore - what the workers share. Default: none; then states come with a position and a journal
   *   that the workers share
   */
  constructor(
    private readonly services: ExecutionServices,
    private readonly coordinationStore?: ICoordinationStore,
    options: EventDrivenOptions = {},
  ) {
    this.#prefix = readOptions(options).keyPrefix ?? 'orchestrator';
  }

  /**
   * Executes a node.
   *
   * @param nodeId - the node
   * @param blueprint - the flow that it is part of
   * @param state - what is known of the run
   * @param runId - the run
   * @returns the nodes that are ready now
   */
  handleJob(
    nodeId: string,
    blueprint: WorkflowBlueprint,
    state: RemoteState,
    runId: string,
  ): Promise<{ nodesToEnqueue: string[] }> {
    return this.coordinationStore === undefined
      ? this.#handleJournaled(nodeId, blueprint, state)
      : this.#handleCoordinated(nodeId, blueprint, state, runId, this.coordinationStore);
  }

  async #handleCoordinated(
    nodeId: string,
    blueprint: WorkflowBlueprint,
    state: RemoteState,
    runId: string,
    store: ICoordinationStore,
  ) {
    const plan = planOf(blueprint, compiled);
    const node = indexIn(plan, nodeId);
    // What has been decided is in the store; a position in memory would know only what happens here.
    if (state instanceof WorkflowState) state.position = undefined;
    const known = await knownOf(state, runId);
    const job = new Job(this.services, blueprint, plan, state, store, this.#prefix, runId, known);
    await job.settle(node, await job.execute(node));
    return { nodesToEnqueue: job.nodesToEnqueue };
  }

  /** Where a journal decides what follows, an event is an entry of it. */
  #handleJournaled(nodeId: string, blueprint: WorkflowBlueprint, state: RemoteState) {
    if (!(state instanceof WorkflowState) || state.position === undefined || state.journal === undefined) {
      const expected = 'a WorkflowState with a position and a journal, for there is no coordination store';
      return Promise.reject(invalid('state', expected, state));
    }
    const { services } = this;
    const { position } = state;
    const advance = { traverser: new GraphTraverser(blueprint, position), state, services };
    const settled = (execution: NodeExecutionResult) => settle(advance, nodeId, execution);
    const handle = () => this.#execute(nodeId, blueprint, state, position).then(settled);
    const handled = services.inProcess === undefined ? handle() : services.inProcess(state, handle);
    return handled.then(() => ({ nodesToEnqueue: position.take().map((node) => position.plan.idOf(node)) }));
  }

  #execute(nodeId: string, blueprint: WorkflowBlueprint, state: WorkflowState, position: Position) {
    const { services } = this;
    const failed = (error: unknown) => ({ status: 'failed', error: asNodeError(nodeId, error) }) as const;
    try {
      const visit = position.visitOf(indexIn(position.plan, nodeId));
      const executor = services.executorFactory(blueprint)(nodeId);
      const input = services.resolveNodeInput(nodeId, blueprint, state.getContext());
      if (!(input instanceof Promise)) return executor.execute(input, state, visit);
      return input.then((value) => executor.execute(value, state, visit)).catch(failed);
    } catch (error) {
      return Promise.resolve(failed(error));
    }
  }
}

function indexIn(plan: Plan, nodeId: string): number {
  const node = plan.indexOf(nodeId);
  if (node < 0) throw new RangeError(`"${nodeId}" is no node of "${plan.id}"`);
  return node;
}

/** What is known of a run as of now, as the flow layer knows it. */
async function knownOf(state: RemoteState, runId: string): Promise<WorkflowState> {
  return state instanceof WorkflowState ? state : stateOf(await state.getContext(), runId);
}

/** One node that was executed. */
class Job implements RemoteEvents {
  readonly nodesToEnqueue: string[] = [];
  readonly #position: RemotePosition;
  /** Arcs that count as taken since what followed last. */
  readonly #arrived = new Set<number>();
  readonly #before = new Map<number, { readonly value: unknown } | undefined>();
  /** What is known of the run. */
  #known: WorkflowState;

  constructor(
    private readonly services: ExecutionServices,
    private readonly blueprint: WorkflowBlueprint,
    private readonly plan: Plan,
    private readonly state: RemoteState,
    store: ICoordinationStore,
    prefix: string,
    private readonly runId: string,
    known: WorkflowState,
  ) {
    this.#known = known;
    this.#position = new RemotePosition(plan, store, prefix, runId, this);
  }

  ready(nodeId: string): void {
    this.nodesToEnqueue.push(nodeId);
  }

  async skipped(nodeId: string): Promise<void> {
    await this.state.addSkippedNode?.(nodeId);
  }

  /** Keeps in mind what a node's input will be made of. What came by a back arc takes the place of what came before. */
  arrived(arc: number, isTaken: boolean): void {
    const { arcTarget, backOf } = this.plan;
    const { arrivals } = this.#known;
    const target = arcTarget[arc] as number;
    const isBack = (other: number) => (backOf[other] as number) >= 0;
    const keeps = (other: number) => other !== arc && (!isTaken || isBack(other) === isBack(arc));
    const kept = [...(arrivals.get(target) ?? [])].filter(keeps);
    arrivals.set(target, new Set(isTaken ? [...kept, arc] : kept));
    if (isTaken) this.#arrived.add(arc);
  }

  async execute(node: number): Promise<NodeExecutionResult> {
    const nodeId = this.plan.idOf(node);
    try {
      const visit = await this.#position.visitOf(node);
      const input = await this.#input(node);
      return await this.services.executorFactory(this.blueprint)(nodeId).execute(input, this.#known, visit);
    } catch (error) {
      return { status: 'failed', error: asNodeError(nodeId, error) };
    }
  }

  async settle(node: number, execution: NodeExecutionResult): Promise<void> {
    if (execution.status === 'success') await this.#complete(node, execution.result);
    if (execution.status === 'failed') await this.#fail(node, execution.error);
  }

  async #complete(node: number, result: NodeResult): Promise<void> {
    const nodeId = this.plan.idOf(node);
    let next: readonly NextNode[];
    try {
      next = await this.#route(nodeId, result);
    } catch (error) {
      return this.#fail(node, asNodeError(nodeId, error));
    }
    await this.state.addCompletedNode(nodeId, result.output);
    await this.#follow(node, next, result);
  }

  /**
   * The edges that are followed with a result: a node's own, or that of its fallback. They see it in the context; where
   * they cannot be found, it leaves no trace there.
   */
  async #route(nodeId: string, result: NodeResult): Promise<readonly NextNode[]> {
    const known = this.#known;
    const before = known.written(nodeId);
    known.write(nodeId, result.output);
    this.#takePassed(this.plan.indexOf(nodeId));
    try {
      const context = known.getContext();
      const next = await this.services.determineNextNodes(this.blueprint, nodeId, result, context);
      for (const { edge, node } of next) await this.services.applyEdgeTransform(edge, result, node, context);
      return next;
    } catch (error) {
      known.takeBack(nodeId, result.output, before);
      throw error;
    }
  }

  /** A fallback gets what the node got that it stands in for, unless it says itself what it gets. */
  async #input(node: number): Promise<unknown> {
    const isMapped = this.plan.nodes[node]?.inputs !== undefined;
    const owner = this.plan.owners.has(node) && !isMapped ? await this.#position.ownerOf(node) : undefined;
    const context = this.#known.getContext();
    return this.services.resolveNodeInput(this.plan.idOf(owner ?? node), this.blueprint, context);
  }

  async #follow(node: number, next: readonly NextNode[], result: NodeResult): Promise<void> {
    const edges = new Set(next.map(({ edge }) => edge));
    const taken = this.plan.outgoing(node).filter(({ edge }) => edges.has(edge));
    this.#arrived.clear();
    await this.#position.complete(node, new Set(taken.map(({ arc }) => arc)));
    this.#keepPassed(result);
    if (!this.plan.owners.has(node)) return;
    for (const owner of await this.#position.standIn(node, result.action)) await this.#recover(owner, node, result);
  }

  /** What the arcs of a node have passed on before is put aside: transforms will say what they pass on now. */
  #takePassed(node: number): void {
    const { passed } = this.#known;
    const { outFrom } = this.plan;
    this.#before.clear();
    for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) {
      this.#before.set(arc, passed.has(arc) ? { value: passed.get(arc) } : undefined);
      passed.delete(arc);
    }
  }

  /** An arc out of a loop that does not count this time has still passed on what it did when it counted. */
  #keepPassed({ output }: NodeResult): void {
    const { passed } = this.#known;
    for (const [arc, before] of this.#before) {
      const isBack = (this.plan.backOf[arc] as number) >= 0;
      const isExit = (this.plan.exitOf[arc] as number) >= 0;
      if (!this.#arrived.has(arc)) {
        if (isExit && before !== undefined) passed.set(arc, before.value);
        else passed.delete(arc);
      } else if ((isBack || isExit) && !passed.has(arc)) passed.set(arc, output);
    }
  }

  async #fail(node: number, error: NodeError): Promise<void> {
    await this.state.addError?.(this.plan.idOf(node), error);
    const fallback = await this.#position.fail(node);
    const known = fallback < 0 ? undefined : await this.#position.standInOf(fallback);
    if (known === undefined) return;
    this.#known = await knownOf(this.state, this.runId);
    const output = this.#known.written(this.plan.idOf(fallback))?.value;
    await this.#recover(node, fallback, { output, action: known.action });
  }

  async #recover(owner: number, fallback: number, result: NodeResult): Promise<void> {
    const nodeId = this.plan.idOf(owner);
    let next: readonly NextNode[];
    try {
      next = await this.#route(nodeId, result);
    } catch (error) {
      // Nothing can stand in for it any more.
      await this.state.addError?.(nodeId, asNodeError(nodeId, error));
      return;
    }
    await this.state.addCompletedNode(nodeId, result.output);
    await this.state.markRecovered?.(nodeId, this.plan.idOf(fallback));
    await this.#follow(owner, next, result);
  }
}
