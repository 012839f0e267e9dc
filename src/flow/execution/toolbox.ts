import type { Policies } from '../../kernel/policy.js';
import type { Core } from '../../kernel/process.js';
import type { Logger } from '../../shared/logger.js';
import type { EdgeDefinition } from '../blueprint.js';
import type { IOrchestrator } from '../contracts.js';
import type { FlowNode, IExecutor, NodeMiddleware, Registry } from '../node.js';
import type { Serializer } from '../run/serializer.js';
import type { Evaluator } from './expression.js';
import type { LinkedFlow } from './linked.js';

/** The orchestrators of runs inside nodes. */
interface Drivers {
  begin(): IOrchestrator;
  /** The orchestrator for a run that was started before. */
  goOn(): IOrchestrator;
}

/** The settings of a runtime, and its cache of linked flows. */
export interface Toolbox {
  /** The orchestrator instance that the processes and tasks of runs belong to. */
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
   * The linked flow for the start of a run. A flow that has changed is linked again.
   *
   * @throws {BlueprintError} that lists all faults of the flow
   */
  linkedOf(flow: FlowNode | object, registries?: readonly Registry[]): LinkedFlow;
  /** Like `linkedOf`, but does not check for changes. Used for the steps of a run. */
  linkedBefore(blueprint: object): LinkedFlow;
  /** The flow that an edge was last linked in. */
  linkedOfEdge(edge: EdgeDefinition): LinkedFlow | undefined;
  /** If true, the flow is being linked right now: it contains itself. */
  isLinking(flow: object): boolean;
  /** The number of flows being linked, each one inside the previous one. */
  readonly linkingDepth: number;
}
