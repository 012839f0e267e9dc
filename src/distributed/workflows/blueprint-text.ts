import { schemaOfEvent, schemasOf, type Toolbox } from '../../flow/execution/index.js';
import {
  BlueprintError,
  type Graph,
  type NodeDefinition,
  toBlueprint,
  type WorkflowBlueprint,
} from '../../flow/index.js';
import { differences, type Outline, outlineOf, planOf } from '../../flow/plan/index.js';
import { type KnownWorkflow, settingsOf } from './workflows.js';

/**
 * Serialises the graph of a workflow, for programs that do not have its code. Values that JSON cannot express are left
 * out.
 */
export function textOf(graph: Graph): string {
  const blueprint = toBlueprint(graph);
  return JSON.stringify({ ...blueprint, nodes: blueprint.nodes.map(asData) }, asJson);
}

/**
 * Restores a workflow from its graph alone, without code.
 *
 * @throws {BlueprintError} if the text is not a blueprint, or was made by a later version of this package
 */
export function workflowFrom(text: string, id: string, version: string, toolbox: Toolbox): KnownWorkflow {
  const blueprint = blueprintFrom(text, id);
  const settings = settingsOf(toolbox, {});
  const plan = planOf(blueprint);
  const graph = outlineOf(plan).hash;
  const schemas = schemasOf(plan.graph);
  const schemasForEvent = (event: string) => {
    const schema = schemaOfEvent(schemas, event);
    return schema === undefined ? [] : [schema];
  };
  return { id, version, graph, plan, blueprint, hasCode: false, merges: {}, settings, schemas, schemasForEvent };
}

/**
 * Describes in words how a graph differs from a saved one. Returns `undefined` if the graphs are equal, or if the text
 * is not a graph.
 */
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
    const message = `the text in the workflow store is not JSON (${(error as Error).message}): put the blueprint again`;
    throw new BlueprintError(id, [{ message }]);
  }
}

/** Removes parameters that cannot be serialised, because parameters may have any value. */
function asData(node: NodeDefinition): NodeDefinition {
  try {
    JSON.stringify(node.params, asJson);
    return node;
  } catch {
    const { params: _, ...rest } = node;
    return rest;
  }
}

/**
 * Leaves out values that JSON cannot represent. `JSON.stringify` throws for a bigint, and writes Infinity and NaN as
 * `null`, which a blueprint does not accept. A limit of Infinity can be left out, because the default is no limit.
 */
function asJson(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)) ? undefined : value;
}
