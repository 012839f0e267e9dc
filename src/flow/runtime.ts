import { Orchestrator } from '../kernel/orchestrator.js';
import { originOf } from '../kernel/origin.js';
import { Codec } from '../shared/codec.js';
import { ValidationError } from '../shared/errors.js';
import { NullLogger } from '../shared/logger.js';
import { checkedBy } from '../shared/schema-check.js';
import { DefaultSerializer } from '../shared/serializer.js';
import { aState } from '../shared/validate.js';
import type { Graph, WorkflowBlueprint } from './blueprint.js';
import { type Hold, type HoldOptions, holding } from './checkpoint/hold.js';
import { Journal } from './checkpoint/journal.js';
import { idOfRun, loadRun, nameOfRun } from './checkpoint/load.js';
import { restoreState } from './checkpoint/restore.js';
import { checkChildren } from './checkpoint/saved-children.js';
import type { ExecutionServices, NodeExecutorFactory } from './contracts.js';
import { CheckpointError } from './errors.js';
import { checkedInTime } from './execution/door.js';
import { bringEvents, checkSavable } from './execution/events.js';
import { CelEvaluator } from './execution/expression.js';
import type { LinkedFlow } from './execution/linked.js';
import { toolboxOf } from './execution/linking.js';
import { setSettings } from './execution/node-call.js';
import { carryOut } from './execution/running.js';
import { checkedEvents } from './execution/schemas.js';
import { FlowServices } from './execution/services.js';
import type { Toolbox } from './execution/toolbox.js';
import {
  type AbstractNode,
  type ContinueOptions,
  type FlowNode,
  type FlowTypes,
  followerOf,
  type IExecutor,
  type ResultOptions,
  type RunOptions,
  type UnknownTypes,
} from './node.js';
import { InnerResumption, ResumptionOrchestrator, type RetryOptions } from './orchestrators/resumption.js';
import { RunToCompletionOrchestrator } from './orchestrators/run-to-completion.js';
import { Position } from './plan/position.js';
import { checked } from './run/checked-serializer.js';
import { published } from './run/end.js';
import type { Context, WorkflowResult, WorkflowStatus } from './run/result.js';
import { WorkflowState } from './run/state.js';
import { GraphTraverser } from './run/traverser.js';
import { idGiven, readContinueOptions, readResultOptions, readRunOptions } from './run-options.js';
import { type FlowRuntimeOptions, readRuntimeOptions } from './runtime-options.js';
import type { RunResult, TypedContinueOptions, TypedRunOptions } from './typing/results.js';

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
  goOn: (options: RetryOptions) => new InnerResumption(options),
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
   * @throws {ValidationError} if an argument is malformed, or if the schema of the flow refuses the input, with every
   *   fault and its path; no node has been executed, and nothing was saved
   * @throws {CheckpointError} if the checkpoint store already has a run with this id
   * @throws {LockedError} if another program holds the run. Errors of the store itself are passed on
   */
  async run<State extends object = Context, Types extends FlowTypes = UnknownTypes>(
    flow: FlowNode<State, Types> | Graph,
    context: Partial<State> = {},
    options: TypedRunOptions<NoInfer<Types>> = {},
  ): Promise<RunResult<State, Types>> {
    const read = readRunOptions(options);
    const linked = this.#toolbox.linkedOf(flow);
    const { input: schema } = linked.links.schemas;
    const checking = schema === undefined ? read.input : checkedBy(schema, read.input, 'input');
    const input = await checkedInTime(linked.plan.id, read, checking);
    const state = this.#begin(linked, context, { ...read, input });
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
   * repeated; nodes that were running are executed again. Failed nodes are executed again if the run has ended as
   * `failed`; the failures of any other run stand, and the nodes that run after a failure are executed.
   *
   * @param flow - the flow that the run started with
   * @param run - a result, its `snapshot`, or the id of a run in the `checkpoint` store
   * @param options - `events` holds the payloads for the waiting nodes; `checkpoint` is the store of the run
   * @throws {CheckpointError} if the run is unknown or belongs to another version of the flow
   * @throws {LockedError} if another program holds the run
   * @throws {ValidationError} if no node waits for one of the events, or if the schema of an event refuses its payload,
   *   with every fault and its path; no node has been executed, and nothing was saved
   * @throws {TooLateError} if the waits for one of the events have ended or expired
   */
  async continue<State extends object = Context, Types extends FlowTypes = UnknownTypes>(
    flow: FlowNode<State, Types> | Graph,
    run: string | WorkflowResult,
    options: TypedContinueOptions<NoInfer<Types>> = {},
  ): Promise<RunResult<State, Types>> {
    const read = readContinueOptions(options);
    const linked = this.#toolbox.linkedOf(flow);
    if (read.checkpoint === undefined) return this.#continue(linked, run, read, undefined);
    const runId = idOfRun(run);
    return holding(read.checkpoint, runId, this.#holdOptions(read), (hold) => this.#continue(linked, run, read, hold));
  }

  /**
   * Reads the outcome of a run so far. Nothing is executed, claimed or saved, so the run may be in progress in another
   * program. The status is `running` if `continue` would execute a node or check the output: the run is in progress, was
   * cancelled, or was interrupted by a crash.
   *
   * @param flow - the flow that the run started with
   * @param run - a result, its `snapshot`, or the id of a run in the `checkpoint` store
   * @param options - `checkpoint` is the store of the run. Default: none, `run` is a result or a snapshot
   * @throws {CheckpointError} if the run is unknown, damaged or belongs to another version of the flow
   * @throws {ValidationError} if an argument is malformed. Errors of the store itself are passed on
   */
  async result<State extends object = Context, Types extends FlowTypes = UnknownTypes>(
    flow: FlowNode<State, Types> | Graph,
    run: string | WorkflowResult,
    options: ResultOptions = {},
  ): Promise<RunResult<State, Types>> {
    const { checkpoint } = readResultOptions(options);
    const linked = this.#toolbox.linkedOf(flow);
    const runId = checkpoint === undefined ? '' : idOfRun(run);
    const source = checkpoint && { load: () => checkpoint.load(runId) };
    const { state } = await this.#restore(linked, run, source);
    const result = state.toResult(this.#toolbox.serializer);
    result.status = statusOf(linked, state);
    return result as RunResult<State, Types>;
  }

  /** @deprecated Since 0.9: use `continue`. */
  resume<State extends object = Context, Types extends FlowTypes = UnknownTypes>(
    flow: FlowNode<State, Types> | Graph,
    run: string | WorkflowResult,
    options: TypedContinueOptions<NoInfer<Types>> = {},
  ): Promise<RunResult<State, Types>> {
    return this.continue<State, Types>(flow, run, options);
  }

  /**
   * Prepares a run without starting it. Returns the arguments of an orchestrator's `run`, with the flow at its start.
   * Use this method in tests and debuggers, and to call your own orchestrator.
   *
   * @param flow - a flow, or a blueprint whose nodes refer to the registry
   * @param context - the initial data of the run; it is copied. Default: empty
   * @param options - like those of `run`
   * @throws {BlueprintError} if the flow is faulty
   * @throws {ValidationError} if an argument is malformed, if the schema of the flow refuses the input, or if that schema
   *   is async
   */
  prepare(flow: FlowNode | Graph, context: Context = {}, options: RunOptions = {}): PreparedRun {
    const read = readRunOptions(options);
    const linked = this.#toolbox.linkedOf(flow);
    const state = this.#begin(linked, context, { ...read, input: checkedNow(linked, read.input) });
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

  async #continue<Result>(
    linked: LinkedFlow,
    run: string | WorkflowResult,
    options: ContinueOptions,
    hold: Hold | undefined,
  ): Promise<Result> {
    const { serializer } = this.#toolbox;
    const { state, seq, codec } = await this.#restore(linked, run, hold);
    bringEvents(state, options.events ?? {}, codec);
    const answered = (pending: unknown) => checkedInTime(linked.plan.id, options, pending);
    state.events = await checkedEvents(linked, state.events, answered);
    this.#configure(state, linked, options);
    const { merges } = linked.links;
    if (hold !== undefined) {
      checkSavable(state.events, codec);
      state.journal = await Journal.open(state, serializer, merges, { hold, seq });
    }
    // An event that is sent again has no effect, so it does not retry a failed run either.
    const retries = Object.keys(options.events ?? {}).length === 0 || Object.keys(state.events).length > 0;
    return this.#carryOut(linked, state, options, new ResumptionOrchestrator(options.orchestrator, { retries }));
  }

  /**
   * Restores a run.
   *
   * @returns the state, the number of the last entry in the store, and the codec of the saved values
   */
  async #restore(linked: LinkedFlow, run: string | WorkflowResult, source: Pick<Hold, 'load'> | undefined) {
    const { core, serializer } = this.#toolbox;
    const { saved, seq } = await loadRun(run, source, serializer);
    const codec = new Codec(serializer);
    const context = core.states.copy({}) as Context;
    const state = restoreState(linked.plan, saved, context, nameOfRun(run), codec, seq - saved.entries.length);
    checkChildren(linked, state, codec);
    return { state, seq, codec };
  }

  #holdOptions({ signal, logger = this.#toolbox.logger }: RunOptions): HoldOptions {
    return { signal, logger };
  }

  #begin(linked: LinkedFlow, context: object, options: RunOptions): WorkflowState {
    const opened = this.#toolbox.core.states.copy(aState(context, 'context'));
    const state = new WorkflowState(opened, { runId: idGiven(options), input: options.input });
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

  async #carryOut<Result>(
    linked: LinkedFlow,
    state: WorkflowState,
    options: RunOptions,
    orchestrator: NonNullable<RunOptions['orchestrator']>,
  ): Promise<Result> {
    const services = this.#servicesFor(options);
    const { timeout } = options;
    const work = () => carryOut({ toolbox: this.#toolbox, linked, state, orchestrator, services, timeout });
    const result = await published({ runId: state.runId, workflow: linked.plan.id }, work);
    return result as Result;
  }
}

/** Returns the status of a run that is only read. */
function statusOf({ plan, links }: LinkedFlow, state: WorkflowState): WorkflowStatus {
  const { conclusion, position } = state.memory;
  if (conclusion === undefined && position?.hasWork) return 'running';
  const status = state.getStatus(plan.nodeIds, plan.fallbackIds);
  const isUnchecked = status === 'completed' && conclusion === undefined && links.schemas.output !== undefined;
  return isUnchecked ? 'running' : status;
}

/** Checks the input of a prepared run, which cannot wait for a schema. */
function checkedNow({ links }: LinkedFlow, given: unknown): unknown {
  const schema = links.schemas.input;
  const input = schema === undefined ? given : checkedBy(schema, given, 'input');
  if (schema === undefined || !(input instanceof Promise)) return input;
  input.catch(() => {});
  throw new ValidationError('input cannot be checked by prepare(), because its schema is async: use run()');
}
