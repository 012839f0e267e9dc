import type { Policies } from '../../kernel/policies/policy.js';
import type { Core } from '../../kernel/scope/process.js';
import type { Logger } from '../../shared/logger.js';
import type { Serializer } from '../../shared/serializer.js';
import type { EdgeDefinition } from '../blueprint.js';
import type { IOrchestrator } from '../contracts.js';
import type { FlowNode, IExecutor, NodeMiddleware, Registry } from '../node.js';
import type { Evaluator } from './expression.js';
import type { LinkedFlow } from './linked.js';

/** The orchestrators for sub-flows. */
interface Drivers {
  begin(): IOrchestrator;
  /**
   * Returns the orchestrator for a run that has already been started.
   *
   * @param options - `retries`: if true, the failed nodes of the run are executed again
   */
  goOn(options: { readonly retries: boolean }): IOrchestrator;
}

/** The settings of a runtime, and its cache of linked flows. */
export interface Toolbox {
  /** The orchestrator instance that processes and tasks of the runs belong to. */
  readonly core: Core;
  /** Default policies of nodes. */
  readonly policies: Policies;
  readonly registry: Registry;
  readonly middleware: readonly NodeMiddleware[];
  readonly serializer: Serializer;
  readonly evaluator: Evaluator;
  readonly logger: Logger;
  readonly dependencies: unknown;
  readonly executor: IExecutor;
  /** The orchestrators that carry out sub-flows. */
  readonly drivers: Drivers;
  /**
   * Links a flow for the start of a run. A flow that has changed since it was last linked is linked again.
   *
   * @throws {BlueprintError} if the flow is faulty; the error lists all faults
   */
  linkedOf(flow: FlowNode | object, registries?: readonly Registry[]): LinkedFlow;
  /** Like `linkedOf`, but does not check for changes. Used for the steps of a run. */
  linkedBefore(blueprint: object): LinkedFlow;
  /** Returns the flow with which an edge was last linked. */
  linkedOfEdge(edge: EdgeDefinition): LinkedFlow | undefined;
  /** Returns true if the flow is currently being linked, which means that it contains itself. */
  isLinking(flow: object): boolean;
  /** The number of flows that are currently being linked, each inside the previous one. */
  readonly linkingDepth: number;
}
