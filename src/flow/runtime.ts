import { Orchestrator } from '../kernel/orchestrator.js';
import { originOf } from '../kernel/origin.js';
import { NullLogger } from '../shared/logger.js';
import { aState, invalid } from '../shared/validate.js';
import type { Graph, WorkflowBlueprint } from './blueprint.js';
import { type Hold, type HoldOptions, holding } from './checkpoint/hold.js';
import { Journal } from './checkpoint/journal.js';
import { idOfRun, loadRun, nameOfRun } from './checkpoint/load.js';
import { restoreState } from './checkpoint/restore.js';
import { checkChildren } from './checkpoint/saved-children.js';
import type { ExecutionServices, NodeExecutorFactory } from './contracts.js';
import { CheckpointError } from './errors.js';
import { CelEvaluator } from './execution/expression.js';
import type { LinkedFlow } from './execution/linked.js';
import { toolboxOf } from './execution/linking.js';
import { setSettings } from './execution/node-call.js';
import { carryOut } from './execution/running.js';
import { FlowServices } from './execution/services.js';
import type { Toolbox } from './execution/toolbox.js';
import {
  type AbstractNode,
  type ContinueOptions,
  type FlowNode,
  followerOf,
  type IExecutor,
  type RunOptions,
} from './node.js';
import { ResumptionOrchestrator } from './orchestrators/resumption.js';
import { RunToCompletionOrchestrator } from './orchestrators/run-to-completion.js';
import { Position } from './plan/position.js';
import { checked } from './run/checked-serializer.js';
import { Codec } from './run/codec.js';
import { published } from './run/end.js';
import type { Context, WorkflowResult } from './run/result.js';
import { DefaultSerializer } from './run/serializer.js';
import { WorkflowState } from './run/state.js';
import { GraphTraverser } from './run/traverser.js';
import { readContinueOptions, readRunOptions } from './run-options.js';
import { type FlowRuntimeOptions, readRuntimeOptions } from './runtime-options.js';

/**
 * The arguments of an orchestrator's `run`, as returned by `runtime.prepare`. Use them to drive a flow with your own
 * orchestrator, for example step by step in a test.
 */
export interface PreparedRun {
  /** The position of the run, including the nodes that are ready. */
  readonly traverser: GraphTraverser;
  /** Creates the executor of each node. */
  readonly executorFactory: NodeExecutorFactory;
  /** The context, outputs and failures of the run. */
  readonly state: WorkflowState;
  /** The services for input, routing and transforms. */
  readonly services: ExecutionServices;
}

/** The orchestrators of sub-flows: one for new runs, one for continued runs. */
const drivers = {
  begin: () => new RunToCompletionOrchestrator(),
  goOn: () => new ResumptionOrchestrator(),
};

/** Gives access to the toolbox of a runtime, for modules that run flows elsewhere, for example on a fleet. */
export let toolboxIn: (runtime: FlowRuntime) => Toolbox;

/**
 * Runs flows that share a registry, hooks, middleware and dependencies. For a flow that needs none of these, `flow.run`
 * is enough, because the default executor has its own runtime.
 *
 * @example
 * const runtime = new FlowRuntime({ registry: { fetchOrder, charge }, orchestrator });
 * const result = await runtime.run(JSON.parse(text), { orderId: '42' });
 */
export class FlowRuntime implements IExecutor {
  static {
    toolboxIn = (runtime) => runtime.#toolbox;
  }

  /** Creates the executor of each node of a blueprint. */
  readonly executorFactory: NodeExecutorFactory;
  /** The services for input, routing and transforms, with the default options of a run. */
  readonly services: ExecutionServices;
  readonly #toolbox: Toolbox;

  /**
   * @param options - the registry, the orchestrator and the other shared settings. Default: none
   * @throws {ValidationError} if an option is unknown or malformed
   */
  constructor(options: FlowRuntimeOptions = {}) {
    const read = readRuntimeOptions(options);
    const { core, policies } = originOf(read.orchestrator ?? new Orchestrator({ name: 'flow' }));
    this.#toolbox = toolboxOf({
      core,
      policies,
      registry: read.registry ?? {},
      middleware: read.middleware ?? [],
      serializer: checked(read.serializer ?? new DefaultSerializer()),
      evaluator: read.evaluator ?? new CelEvaluator(),
      logger: read.logger ?? new NullLogger(),
      dependencies: read.dependencies,
      executor: this,
      drivers,
    });
    this.services = this.#servicesFor({});
    this.executorFactory = this.services.executorFactory;
  }

  /**
   * Runs a flow from its start. The promise resolves with a result even if the run fails or is cancelled, so check the
   * result's `status`.
   *
   * @param flow - a flow, or a blueprint whose nodes refer to the registry
   * @param context - the initial data of the run; a copy becomes the context of the run. Default: empty
   * @param options - id, input, limits, checkpoint store and other options of the run. Default: none
   * @throws {BlueprintError} if the flow is faulty; no node has been executed
   * @throws {ValidationError} if an argument is malformed; no node has been executed
   * @throws {CheckpointError} if the checkpoint store already has a run with this id
   * @throws {LockedError} if another program holds the run. Errors of the store itself are passed on
   */
  async run<State extends object = Context>(
    flow: FlowNode<State> | Graph,
    context: Partial<State> = {},
    options: RunOptions = {},
  ): Promise<WorkflowResult<State>> {
    const read = readRunOptions(options);
    const linked = this.#toolbox.linkedOf(flow);
    const state = this.#begin(linked, context, read);
    const orchestrator = read.orchestrator ?? new RunToCompletionOrchestrator();
    if (read.checkpoint === undefined) return this.#carryOut(linked, state, read, orchestrator);
    return holding(read.checkpoint, state.runId, this.#holdOptions(read), async (hold) => {
      if ((await hold.load()) !== undefined) {
        throw new CheckpointError(state.runId, 'is already in the checkpoint store: continue it, or delete it there');
      }
      state.journal = await Journal.open(state, this.#toolbox.serializer, linked.links.merges, { hold, seq: 0 });
      return this.#carryOut(linked, state, read, orchestrator);
    });
  }

  /**
   * Continues a run that is waiting, has failed, was cancelled, or was interrupted by a crash. Completed nodes are not
   * repeated; failed nodes and nodes that were running are executed again.
   *
   * @param flow - the flow that the run started with
   * @param run - a result, its `snapshot`, or the id of a run in the `checkpoint` store
   * @param options - `events` holds the payloads for the waiting nodes; `checkpoint` is the store of the run
   * @throws {CheckpointError} if the run is unknown or belongs to another version of the flow
   * @throws {LockedError} if another program holds the run
   * @throws {ValidationError} if no node waits for one of the events
   */
  async continue<State extends object = Context>(
    flow: FlowNode<State> | Graph,
    run: string | WorkflowResult,
    options: ContinueOptions = {},
  ): Promise<WorkflowResult<State>> {
    const read = readContinueOptions(options);
    const linked = this.#toolbox.linkedOf(flow);
    if (read.checkpoint === undefined) return this.#continue(linked, run, read, undefined);
    const runId = idOfRun(run);
    return holding(read.checkpoint, runId, this.#holdOptions(read), (hold) => this.#continue(linked, run, read, hold));
  }

  /** @deprecated Since 0.9: use `continue`. */
  resume<State extends object = Context>(
    flow: FlowNode<State> | Graph,
    run: string | WorkflowResult,
    options: ContinueOptions = {},
  ): Promise<WorkflowResult<State>> {
    return this.continue(flow, run, options);
  }

  /**
   * Prepares a run without starting it. Returns the arguments of an orchestrator's `run`, with the flow at its start.
   * Use this method in tests and debuggers, and to call your own orchestrator.
   *
   * @param flow - a flow, or a blueprint whose nodes refer to the registry
   * @param context - the initial data of the run; it is copied. Default: empty
   * @param options - like those of `run`
   * @throws {BlueprintError} if the flow is faulty
   */
  prepare(flow: FlowNode | Graph, context: Context = {}, options: RunOptions = {}): PreparedRun {
    const read = readRunOptions(options);
    const linked = this.#toolbox.linkedOf(flow);
    const state = this.#begin(linked, context, read);
    const services = this.#servicesFor(read, state);
    const blueprint = (flow as Partial<FlowNode>).toBlueprint?.() ?? (linked.plan.graph as WorkflowBlueprint);
    const traverser = new GraphTraverser(blueprint, state.position);
    return { traverser, executorFactory: services.executorFactory, state, services };
  }

  getNextNode(node: AbstractNode, action: unknown): AbstractNode | undefined {
    return followerOf(node, action);
  }

  /**
   * Checks a flow without running it.
   *
   * @throws {BlueprintError} if the flow is faulty; the error lists all faults
   */
  validate(flow: FlowNode | Graph): void {
    this.#toolbox.linkedOf(flow);
  }

  async #continue<State extends object>(
    linked: LinkedFlow,
    run: string | WorkflowResult,
    options: ContinueOptions,
    hold: Hold | undefined,
  ): Promise<WorkflowResult<State>> {
    const { core, serializer } = this.#toolbox;
    const { saved, seq } = await loadRun(run, hold, serializer);
    const codec = new Codec(serializer);
    const context = core.states.copy({}) as Context;
    const state = restoreState(linked.plan, saved, context, nameOfRun(run), codec, seq - saved.entries.length);
    checkChildren(linked, state, codec);
    state.events = checkEvents(options.events ?? {}, state);
    this.#configure(state, linked, options);
    const { merges } = linked.links;
    if (hold !== undefined) state.journal = await Journal.open(state, serializer, merges, { hold, seq });
    return this.#carryOut(linked, state, options, new ResumptionOrchestrator(options.orchestrator));
  }

  #holdOptions({ signal, logger = this.#toolbox.logger }: RunOptions): HoldOptions {
    return { signal, logger };
  }

  #begin(linked: LinkedFlow, context: object, options: RunOptions): WorkflowState {
    const { runId, input } = options;
    const opened = this.#toolbox.core.states.copy(aState(context, 'context'));
    const state = new WorkflowState(opened, { runId, input });
    state.position = new Position(linked.plan);
    this.#configure(state, linked, options);
    return state;
  }

  #configure(state: WorkflowState, { links }: LinkedFlow, options: RunOptions | ContinueOptions): void {
    const { executor = this.#toolbox.executor, logger = this.#toolbox.logger } = options as RunOptions;
    const { maxVisits, concurrency, failFast } = options;
    const params = { ...links.params, ...options.params };
    const { dependencies } = this.#toolbox;
    setSettings(state, { executor, logger, dependencies, params, maxVisits, concurrency, failFast, depth: 0 });
  }

  #servicesFor({ signal, concurrency, failFast }: RunOptions, prepared?: WorkflowState): FlowServices {
    const { serializer } = this.#toolbox;
    return new FlowServices(this.#toolbox, { signal, concurrency, failFast, serializer }, prepared);
  }

  async #carryOut<State extends object>(
    linked: LinkedFlow,
    state: WorkflowState,
    options: RunOptions,
    orchestrator: NonNullable<RunOptions['orchestrator']>,
  ): Promise<WorkflowResult<State>> {
    const services = this.#servicesFor(options);
    const { timeout } = options;
    const work = () => carryOut({ toolbox: this.#toolbox, linked, state, orchestrator, services, timeout });
    const result = await published({ runId: state.runId, workflow: linked.plan.id }, work);
    return result as WorkflowResult<State>;
  }
}

/** Refuses an event that no node waits for, because its name is probably misspelt. */
function checkEvents(events: Readonly<Record<string, unknown>>, { memory }: WorkflowState) {
  const awaited = [...memory.awaiting.values()].flat().map(({ event }) => event);
  for (const event of Object.keys(events)) {
    if (!awaited.includes(event)) {
      throw invalid(
        `events.${event}`,
        `an event that a node waits for (${awaited.join(', ') || 'no node waits'})`,
        event,
      );
    }
  }
  return events;
}
