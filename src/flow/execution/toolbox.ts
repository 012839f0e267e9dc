import type { Policies } from '../../kernel/policy.js';
import type { Core } from '../../kernel/process.js';
import type { Logger } from '../../shared/logger.js';
import type { EdgeDefinition } from '../blueprint.js';
import type { IOrchestrator } from '../contracts.js';
import type { FlowNode, IExecutor, NodeMiddleware, Registry } from '../node.js';
import type { Serializer } from '../run/serializer.js';
import type { Evaluator } from './expression.js';
import type { LinkedFlow } from './linked.js';

/** How runs inside nodes advance. */
interface Drivers {
  begin(): IOrchestrator;
  /** Takes up a run that has begun before. */
  goOn(): IOrchestrator;
}

/** What a runtime works with. */
export interface Toolbox {
  /** Whose processes and tasks its runs are. */
  readonly core: Core;
  /** Defaults for the policies of nodes. */
  readonly policies: Policies;
  readonly registry: Registry;
  readonly middleware: readonly NodeMiddleware[];
  readonly serializer: Serializer;
  readonly evaluator: Evaluator;
  readonly logger: Logger;
  readonly dependencies: unknown;
  readonly executor: IExecutor;
  /** What carries out sub-flows. */
  readonly drivers: Drivers;
  /**
   * A flow as it is at the start of a run, linked again if it has changed.
   *
   * @throws {BlueprintError} that lists everything that is wrong with it
   */
  linkedOf(flow: FlowNode | object, registries?: readonly Registry[]): LinkedFlow;
  /** Like `linkedOf`, for each step of a run: it does not look for changes. */
  linkedBefore(blueprint: object): LinkedFlow;
  /** The flow that an edge was last linked in. */
  linkedOfEdge(edge: EdgeDefinition): LinkedFlow | undefined;
  /** Whether a flow is just being linked: one that is part of itself. */
  isLinking(flow: object): boolean;
  /** How many flows are being linked, each for the one before. */
  readonly linkingDepth: number;
}
