import type { FlowRuntime } from '../../flow/index.js';
import type { FlowNode, FlowTypes, UnknownTypes } from '../../flow/node.js';
import { aSignal } from '../../shared/validate.js';
import type { Engine } from '../contracts.js';
import { anEngine, anObjectGiving, aPayloadLimit, aRetention, aRuntime } from '../run/options.js';
import { aWorkflowList, type Workflow } from '../workflows/workflows.js';

/**
 * Options of `new DistributedOrchestrator`. Only `engine` is required. `OrchestratorBuilder` sets the same options by
 * method calls, and `defineFleet` sets them for a whole fleet.
 */
export interface OrchestratorOptions<
  // biome-ignore lint/suspicious/noExplicitAny: an orchestrator without workflows starts runs with any context
  State extends object = any,
  Types extends FlowTypes = UnknownTypes,
> {
  /** The queue and the stores of the fleet. The workers use the same engine. */
  readonly engine: Engine;
  /**
   * Flows or blueprints: any number, and any number of versions of each. `startRun` starts the first workflow. Default:
   * none; the orchestrator then works with all workflows whose graphs are stored on the engine.
   */
  readonly workflows?: readonly [FlowNode<State, Types>, ...Workflow[]] | readonly Workflow[] | undefined;
  /**
   * The runtime, whose registry and serializer are used. Default: a new `FlowRuntime`, whose registry is empty, so
   * blueprints that use registered functions are refused.
   */
  readonly runtime?: FlowRuntime | undefined;
  /** Maximum size, in bytes, of the text of a context, an input or a signal. At least 1024. Default: 1 MiB. */
  readonly maxPayload?: number | undefined;
  /** Milliseconds for which a finished run is kept, unless the run has its own `retention`. Default: forever. */
  readonly retention?: number | undefined;
  /**
   * A signal that ends all waiting of the orchestrator when it aborts, like `close`. Pending `waitForCompletion` calls
   * then reject with the signal's reason. Default: none.
   */
  readonly signal?: AbortSignal | undefined;
}

export const readOrchestratorOptions = anObjectGiving<OrchestratorOptions>(
  {
    engine: anEngine,
    workflows: aWorkflowList,
    runtime: aRuntime,
    maxPayload: aPayloadLimit,
    retention: aRetention,
    signal: aSignal,
  },
  'engine',
);
