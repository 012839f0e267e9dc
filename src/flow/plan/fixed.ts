import { isPlainObject } from '../../shared/validate.js';
import type { EdgeDefinition, Graph, NodeDefinition, WorkflowBlueprint } from '../blueprint.js';

/**
 * Blueprints that cannot change: the frozen blueprints of flows, and compiled copies. A blueprint that is passed as
 * data belongs to the caller, who may change it between runs. Runs use a compiled copy of either kind of blueprint, so
 * changes do not affect a run in progress. The copy is not frozen, because reading frozen objects is slower. When a
 * blueprint that is data runs again, it is compared with its copy.
 */
const fixed = new WeakSet<object>();

/** The latest copy of each edge that has a transform, by the original edge. */
const copiedEdges = new WeakMap<object, EdgeDefinition>();

/** Returns true if a blueprint cannot have changed since it was compiled. */
export function isFixed(blueprint: object): boolean {
  return fixed.has(blueprint);
}

/** Freezes the blueprint of a flow, whose nodes and edges are already frozen. */
export function fix(blueprint: WorkflowBlueprint): WorkflowBlueprint {
  Object.freeze(blueprint.nodes);
  Object.freeze(blueprint.edges);
  fixed.add(blueprint);
  return Object.freeze(blueprint);
}

/**
 * Makes a frozen copy of a node, including the nested objects that are compiled. The values of `params` are not copied,
 * so nodes get the caller's own values.
 */
export function fixedNode(node: NodeDefinition): NodeDefinition {
  if (!isPlainObject(node)) return node;
  const { params, inputs, config } = node;
  if (params === undefined && inputs === undefined && config === undefined) return Object.freeze({ ...node });
  return Object.freeze({
    ...node,
    ...(isPlainObject(params) && { params: frozen(params, ['outputs']) }),
    ...(isPlainObject(inputs) && { inputs: frozen(inputs) as NodeDefinition['inputs'] }),
    ...(isPlainObject(config) && { config: frozen(config, ['retry', 'timeout', 'limit']) }),
  });
}

/** Makes a frozen copy of an edge. */
export function fixedEdge(edge: EdgeDefinition): EdgeDefinition {
  return isPlainObject(edge) ? Object.freeze({ ...edge }) : edge;
}

function frozen(value: Readonly<Record<string, unknown>>, below: readonly string[] = []): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...value };
  for (const key of below) if (isPlainObject(copy[key])) copy[key] = Object.freeze({ ...copy[key] });
  return Object.freeze(copy);
}

/** A blueprint and its copy. */
export interface Copied {
  readonly source: Graph;
  readonly copy: Graph;
  /** The plain objects and arrays inside the nodes, at any depth, each mapped to its copy. */
  readonly parts: ReadonlyMap<object, object>;
}

/**
 * Copies a blueprint. The objects inside the nodes are copied only if the blueprint is not frozen. Derived fields are
 * shared with the original.
 */
export function copyOf(source: Graph): Copied {
  const keys = isFixed(source) ? [] : inside;
  const parts = new Map<object, object>();
  const copied = <Value>(value: Value): Value => {
    if (!isPart(value)) return value;
    const copy = parts.get(value) ?? (Array.isArray(value) ? [...value] : { ...value });
    parts.set(value, copy);
    return copy as Value;
  };
  const nodes = source.nodes.map((node) => {
    const copy = { ...node };
    for (const key of keys) if (copy[key] !== undefined) copy[key] = copied(copy[key]) as never;
    return copy;
  });
  const edges = source.edges.map((edge) => {
    const copy = { ...edge };
    if (edge.transform !== undefined) copiedEdges.set(edge, copy);
    return copy;
  });
  const schemas: { -readonly [Key in (typeof ofSchemas)[number]]?: Graph[Key] } = {};
  if (!isFixed(source)) for (const key of ofSchemas) schemas[key] = copied(source[key]) as never;
  // The loop also visits the entries that `deepen` adds to the map.
  for (const part of parts.values()) deepen(part as Record<string, unknown>, copied);
  const copy = { ...source, ...schemas, nodes, edges };
  fixed.add(copy);
  return { source, copy, parts };
}

function deepen(copy: Record<string, unknown>, copied: (value: unknown) => unknown): void {
  for (const key of Object.keys(copy)) if (isPart(copy[key])) copy[key] = copied(copy[key]);
}

const inside = ['params', 'inputs', 'config'] as const;
const ofSchemas = ['input', 'events', 'output'] as const;

/**
 * Returns true if a blueprint has changed since it was copied. This check runs at the start of each run, so for speed
 * it compares the known fields of nodes and edges one by one.
 */
export function hasChanged({ source, copy, parts }: Copied): boolean {
  const { id, version, maxVisits, nodes, edges } = source;
  if (id !== copy.id || version !== copy.version || maxVisits !== copy.maxVisits) return true;
  if (ofSchemas.some((key) => !isSame(source[key], copy[key], parts))) return true;
  if (!Array.isArray(nodes) || nodes.length !== copy.nodes.length) return true;
  if (!Array.isArray(edges) || edges.length !== copy.edges.length) return true;
  for (let index = 0; index < nodes.length; index++) {
    if (!isSameNode(nodes[index], copy.nodes[index] as NodeDefinition, parts)) return true;
  }
  for (let index = 0; index < edges.length; index++) {
    if (!isSameEdge(edges[index], copy.edges[index] as EdgeDefinition)) return true;
  }
  for (const [part, before] of parts) if (!isSamePart(part, before, parts)) return true;
  return false;
}

function isSameNode(node: NodeDefinition, before: NodeDefinition, parts: Copied['parts']): boolean {
  if (typeof node !== 'object' || node === null || node.id !== before.id || node.uses !== before.uses) return false;
  const { params, inputs, config } = node;
  return (
    isSame(params, before.params, parts) && isSame(inputs, before.inputs, parts) && isSame(config, before.config, parts)
  );
}

function isSameEdge(edge: EdgeDefinition, before: EdgeDefinition): boolean {
  return (
    typeof edge === 'object' &&
    edge !== null &&
    edge.source === before.source &&
    edge.target === before.target &&
    edge.action === before.action &&
    edge.condition === before.condition &&
    edge.transform === before.transform
  );
}

function isSamePart(part: object, before: object, parts: Copied['parts']): boolean {
  const keys = Object.keys(part);
  const keysBefore = Object.keys(before);
  if (keys.length !== keysBefore.length) return false;
  return keys.every((key, index) => {
    const field = key as keyof object;
    return key === keysBefore[index] && isSame(part[field], before[field], parts);
  });
}

function isSame(value: unknown, before: unknown, parts: Copied['parts']): boolean {
  return Object.is(value, before) || (before !== undefined && isPart(value) && parts.get(value) === before);
}

function isPart(value: unknown): value is object {
  return Array.isArray(value) || isPlainObject(value);
}

/** Returns the compiled copy of an edge, or the edge itself if there is no copy. */
export function compiledEdge(edge: EdgeDefinition): EdgeDefinition {
  return copiedEdges.get(edge) ?? edge;
}
