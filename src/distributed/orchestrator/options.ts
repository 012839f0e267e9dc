import type { FlowRuntime } from '../../flow/index.js';
import type { FlowNode } from '../../flow/node.js';
import { aSignal } from '../../shared/validate.js';
import type { Engine } from '../contracts.js';
import { anEngine, anObjectGiving, aPayloadLimit, aRetention, aRuntime } from '../run/options.js';
import { aWorkflowList, type Workflow } from '../workflows/workflows.js';

/** Options of `new DistributedOrchestrator`. */
export interface OrchestratorOptions<
  // biome-ignore lint/suspicious/noExplicitAny: an orchestrator that was given no workflow starts runs of any
  State extends object = any,
> {
  /** The queue and the stores that the fleet shares. */
  readonly engine: Engine;
  /**
   * Flows or blueprints: any number, and any number of versions of each. The first is what `startRun` starts. Default: none;
   * the orchestrator then works on those whose graphs are on the engine.
   */
  readonly workflows?: readonly [FlowNode<State>, ...Workflow[]] | readonly Workflow[] | undefined;
  /** Whose registry and serializer hold. Default: a new one; then blueprints find nothing that they use. */
  readonly runtime?: FlowRuntime | undefined;
  /** How large contexts, inputs and signals may be as text, in bytes, of at least 1024. Default: 1 MiB. */
  readonly maxPayload?: number | undefined;
  /** For how many milliseconds runs are kept when they are over, where their start does not say. Default: for ever. */
  readonly retention?: number | undefined;
  /** Ends all waiting when it aborts, with its reason, as `close` does. Default: none. */
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
