import type { FormerLoopEdge, LoopNodeDefinition, LoopRegistry } from './definition.js';
import type { LoopNodeClass, LoopNodeConfig, LoopNodeFunction } from './node.js';
import type { LoopWorkflow } from './orchestrator/contracts.js';

/**
 * Former names of types. The loop types were renamed because flows and fleets use the same names for different types.
 */

/**
 * Former name of `LoopEdgeDefinition`, with the former fields `from` and `to` instead of `source` and `target`.
 *
 * @deprecated Use `LoopEdgeDefinition`.
 */
export type EdgeDefinition = FormerLoopEdge;

/**
 * Former name of `LoopNodeDefinition`, a node of a loop as plain data.
 *
 * @deprecated Use `LoopNodeDefinition`.
 */
export type NodeDefinition = LoopNodeDefinition;

/**
 * Alias of `LoopNodeConfig`, the object that a node receives once, before its first iteration. Both names are
 * supported; neither is deprecated.
 */
export type NodeConfig<Options = unknown> = LoopNodeConfig<Options>;

/**
 * Former name of `LoopNodeClass`, a class that implements a node.
 *
 * @deprecated Use `LoopNodeClass`.
 */
export type NodeClass = LoopNodeClass;

/**
 * Former name of `LoopNodeFunction`, a function that implements a node.
 *
 * @deprecated Use `LoopNodeFunction`.
 */
export type NodeFunction<In = unknown, Out = unknown> = LoopNodeFunction<In, Out>;

/**
 * Former name of `LoopRegistry`, the implementations of nodes by name.
 *
 * @deprecated Use `LoopRegistry`.
 */
export type Registry = LoopRegistry;

/**
 * Former name of `LoopWorkflow`, the argument of `WorkflowOrchestrator.load`.
 *
 * @deprecated Use `LoopWorkflow`.
 */
export type Workflow = LoopWorkflow;
