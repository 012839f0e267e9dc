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

/** What an orchestrator's `run` takes. */
export interface PreparedRun {
  readonly traverser: GraphTraverser;
  readonly executorFactory: NodeExecutorFactory;
  readonly state: WorkflowState;
  readonly services: ExecutionServices;
}

/** How sub-flows advance. */
const drivers = {
  begin: () => new RunToCompletionOrchestrator(),
  goOn: () => new ResumptionOrchestrator(),
};

/** What a runtime works with; for what runs flows elsewhere. */
export let toolboxIn: (runtime: FlowRuntime) => Toolbox;

/**
 * Runs flows, with what they have in common: a registry, hooks, middleware, dependencies.
 *
 * @example
 * const runtime = new FlowRuntime({ registry: { fetchOrder, charge }, orchestrator });
 * const result = await runtime.run(JSON.parse(text), { orderId: '42' });
 */
export class FlowRuntime implements IExecutor {
  static {
    toolboxIn = (runtime) => runtime.#toolbox;
  }

  /** Gives the executor of a node of a blueprint. */
  readonly executorFactory: NodeExecutorFactory;
  /** Input, routing and transforms, with the default options. */
  readonly services: ExecutionServices;
  readonly #toolbox: Toolbox;

  /** @throws {ValidationError} for an option that is unknown or of the wrong kind */
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
   * Runs a flow from its start. It resolves with the result however the run ends.
   *
   * @param flow - a flow, or a blueprint, whose nodes use the registry
   * @param context - the data that the run begins with; a copy of it becomes the run's context. Default: empty
   * Rejects with `BlueprintError` or `ValidationError` before anything has run; with `CheckpointError` where the run is
   * known to the checkpoint store already; with what the store throws.
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
        throw new CheckpointError(state.runId, 'is in the checkpoint store already: continue it, or delete it there');
      }
      state.journal = await Journal.open(state, this.#toolbox.serializer, linked.links.merges, { hold, seq: 0 });
      return this.#carryOut(linked, state, read, orchestrator);
    });
  }

  /**
   * Goes on with a run: one that waits, was cancelled, has failed, or whose program has crashed. What has completed is
   * not repeated; what failed or was cut short is tried again.
   *
   * @param run - a result, its `snapshot`, or with `checkpoint` the id of a run in that store
   * @param options - `events` has what has come for the nodes that wait
   * Rejects with `CheckpointError` for a run that is unknown or of another version of the blueprint; with
   * `ValidationError` for an event that nothing waits for.
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

  /** @deprecated Since 0.9: another name of `continue`. */
  resume<State extends object = Context>(
    flow: FlowNode<State> | Graph,
    run: string | WorkflowResult,
    options: ContinueOptions = {},
  ): Promise<WorkflowResult<State>> {
    return this.continue(flow, run, options);
  }

  /** All that an orchestrator's `run` takes, for a flow at its start. For tests, debuggers, and orchestrators of one's own. */
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

  /** Checks a flow without running it. @throws {BlueprintError} that lists everything that is wrong with it */
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

/** An event that nobody waits for is a mistake in its name. */
function checkEvents(events: Readonly<Record<string, unknown>>, { memory }: WorkflowState) {
  const awaited = [...memory.awaiting.values()].flat().map(({ event }) => event);
  for (const event of Object.keys(events)) {
    if (!awaited.includes(event)) {
      throw invalid(`events.${event}`, `an event that is waited for (${awaited.join(', ') || 'there is none'})`, event);
    }
  }
  return events;
}
