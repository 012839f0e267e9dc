import type { FormerLoopEdge, LoopNodeDefinition, LoopRegistry } from './definition.js';
import type { LoopNodeClass, LoopNodeConfig, LoopNodeFunction } from './node.js';
import type { LoopWorkflow } from './orchestrator/contracts.js';

/** Names that types had before, which flows and fleets use for types of another shape. */

/** @deprecated Now `LoopEdgeDefinition`, with `source` and `target`. */
export type EdgeDefinition = FormerLoopEdge;

/** @deprecated Now `LoopNodeDefinition`. */
export type NodeDefinition = LoopNodeDefinition;

/** Another name of `LoopNodeConfig`, which stays. */
export type NodeConfig<Options = unknown> = LoopNodeConfig<Options>;

/** @deprecated Now `LoopNodeClass`. */
export type NodeClass = LoopNodeClass;

/** @deprecated Now `LoopNodeFunction`. */
export type NodeFunction<In = unknown, Out = unknown> = LoopNodeFunction<In, Out>;

/** @deprecated Now `LoopRegistry`. */
export type Registry = LoopRegistry;

/** @deprecated Now `LoopWorkflow`. */
export type Workflow = LoopWorkflow;
