import type { Toolbox } from '../../flow/execution/index.js';
import {
  BlueprintError,
  type Graph,
  type NodeDefinition,
  toBlueprint,
  type WorkflowBlueprint,
} from '../../flow/index.js';
import { differences, type Outline, outlineOf, planOf } from '../../flow/plan/index.js';
import { type KnownWorkflow, settingsOf } from './workflows.js';

/** A workflow as whoever does not have its code reads it. What JSON has no word for is none of the graph: it is left out. */
export function textOf(graph: Graph): string {
  const blueprint = toBlueprint(graph);
  return JSON.stringify({ ...blueprint, nodes: blueprint.nodes.map(asData) }, asJson);
}

/**
 * A workflow of which only the graph is known.
 *
 * @throws {BlueprintError} for a text that is no blueprint, or one of a later version of this package
 */
export function workflowFrom(text: string, id: string, version: string, toolbox: Toolbox): KnownWorkflow {
  const blueprint = blueprintFrom(text, id);
  const settings = settingsOf(toolbox, {});
  const plan = planOf(blueprint);
  return { id, version, graph: outlineOf(plan).hash, plan, blueprint, hasCode: false, merges: {}, settings };
}

/** What a graph has otherwise than one that is kept as text, in words; `undefined` for nothing, and for no graph. */
export function differenceFrom(text: string, now: Outline): string | undefined {
  let before: Outline;
  try {
    before = outlineOf(planOf(JSON.parse(text)));
  } catch {
    return undefined;
  }
  return before.hash === now.hash ? undefined : differences(before, now);
}

function blueprintFrom(text: string, id: string): WorkflowBlueprint {
  try {
    return JSON.parse(text) as WorkflowBlueprint;
  } catch (error) {
    throw new BlueprintError(id, [{ message: `what is kept of it is no JSON: ${(error as Error).message}` }]);
  }
}

/** Parameters may be anything: those that cannot be written are left out as a whole. */
function asData(node: NodeDefinition): NodeDefinition {
  try {
    JSON.stringify(node.params, asJson);
    return node;
  } catch {
    const { params: _, ...rest } = node;
    return rest;
  }
}

/** Not finite: `null` would be refused where a number is expected, and without a bound is what the default means here. */
function asJson(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)) ? undefined : value;
}
