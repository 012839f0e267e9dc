import { policyReaders } from '../../policy.js';
import { aConcurrency, aName, aValue, isPlainObject, type Reader } from '../../validate.js';
import type { EdgeDefinition, Graph, NodeConfig, NodeDefinition } from '../blueprint.js';
import type { Fault } from '../errors.js';

/** More nodes than this are refused before they are looked at. */
export const mostNodes = 250_000;

/** More edges than this are refused before they are looked at. */
export const mostEdges = 2_500_000;

const reservedIds = new Set(['__proto__', 'constructor', 'prototype']);

const anId = aValue<string>(
  'a non-empty string, and none of __proto__, constructor, prototype',
  (value) => typeof value === 'string' && value !== '' && !reservedIds.has(value),
);
const aJoinStrategy = aValue<string>('"all" or "any"', (value) => value === 'all' || value === 'any');
const anArray = aValue<readonly unknown[]>('an array', Array.isArray);
const anObject = aValue<object>('an object', isPlainObject);
const anInputMapping = aValue<unknown>(
  'a string, or an object of strings',
  (value) => isText(value) || (isPlainObject(value) && Object.values(value).every(isText)),
);

const configReaders: Record<keyof NodeConfig, Reader> = {
  joinStrategy: aJoinStrategy,
  fallback: aName,
  retry: policyReaders.retry,
  timeout: policyReaders.timeout,
  maxVisits: aConcurrency,
};

const edgeReaders: Record<keyof EdgeDefinition, Reader> = {
  source: aName,
  target: aName,
  action: aName,
  condition: aName,
  transform: aName,
};

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/** What a value has for faults if it is to be a graph: of its own shape only, not of how its parts fit together. */
export class ShapeCheck {
  readonly faults: Fault[] = [];

  /** The graph, where nothing is wrong with its shape. */
  graph(value: unknown): Graph | undefined {
    if (!this.#holds(anObject, value, 'blueprint')) return undefined;
    const graph = value as Graph;
    this.#holds(anId, graph.id, 'id');
    if (graph.version !== undefined) this.#holds(aName, graph.version, 'version');
    if (graph.maxVisits !== undefined) this.#holds(aConcurrency, graph.maxVisits, 'maxVisits');
    this.#list(graph.nodes, 'nodes', mostNodes, (node, index) => this.#node(node as NodeDefinition, index));
    this.#list(graph.edges, 'edges', mostEdges, (edge, index) => this.#edge(edge as EdgeDefinition, index));
    if (this.faults.length === 0 && graph.nodes.length === 0) this.faults.push({ message: 'nodes must not be empty' });
    return this.faults.length === 0 ? graph : undefined;
  }

  #list(value: unknown, field: string, most: number, check: (item: unknown, index: number) => void): void {
    if (!this.#holds(anArray, value, field)) return;
    const { length } = value as unknown[];
    if (length > most) this.faults.push({ message: `${field} must be at most ${most}, got ${length}` });
    else for (let index = 0; index < length; index++) check((value as unknown[])[index], index);
  }

  #node(node: NodeDefinition, index: number): void {
    if (!isPlainObject(node) && !this.#holds(anObject, node, `nodes[${index}]`)) return;
    const { id, uses, params, inputs, config } = node;
    // Names are put together where they are needed: a graph without faults costs little.
    const isId = typeof id === 'string' && id !== '' && !reservedIds.has(id);
    if (!isId) this.#holds(anId, id, `nodes[${index}].id`);
    if (typeof uses !== 'string' || uses === '') this.#holds(aName, uses, `nodes[${index}].uses`, id);
    if (params !== undefined) this.#holds(anObject, params, `nodes[${index}].params`, id);
    if (inputs !== undefined) this.#holds(anInputMapping, inputs, `nodes[${index}].inputs`, id);
    if (config !== undefined) this.#fields(config, configReaders, `nodes[${index}].config`, id);
  }

  #edge(edge: EdgeDefinition, index: number): void {
    if (!isPlainObject(edge) && !this.#holds(anObject, edge, `edges[${index}]`)) return;
    const { source, target, action, condition, transform } = edge;
    if (isText(source) && isText(target) && (action ?? condition ?? transform) === undefined) return;
    this.#fields({ source, target, action, condition, transform }, edgeReaders, `edges[${index}]`);
  }

  #fields<Type extends object>(value: Type, readers: Record<keyof Type, Reader>, field: string, nodeId?: string): void {
    if (!this.#holds(anObject, value, field, nodeId)) return;
    for (const [key, option] of Object.entries(value)) {
      const reader = Object.hasOwn(readers, key) ? readers[key as keyof Type] : undefined;
      const path = `${field}.${key}`;
      if (reader === undefined) {
        this.faults.push({ message: `${path} is unknown, expected ${Object.keys(readers).join(', ')}`, nodeId });
      } else if (option !== undefined || key === 'source' || key === 'target')
        this.#holds(reader, option, path, nodeId);
    }
  }

  #holds(reader: Reader, value: unknown, field: string, nodeId?: string): boolean {
    try {
      reader(value, field);
      return true;
    } catch (error) {
      this.faults.push({ message: (error as Error).message, nodeId });
      return false;
    }
  }
}
