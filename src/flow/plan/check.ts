import { aLimitAsData } from '../../kernel/policies/limit.js';
import { policyReaders, readWithoutDefaults } from '../../kernel/policies/policy.js';
import { cut } from '../../shared/text.js';
import { aBoolean, aConcurrency, aName, aValue, isPlainObject, type Reader } from '../../shared/validate.js';
import type { EdgeDefinition, Graph, JoinStrategy, NodeConfig, NodeDefinition } from '../blueprint.js';
import type { Fault } from '../errors.js';
import { joinStrategies } from './join.js';

/** Maximum number of nodes. A larger graph is refused without looking at its nodes. */
const mostNodes = 250_000;

/** Maximum number of edges. A larger graph is refused without looking at its edges. */
const mostEdges = 2_500_000;

/** Maximum nesting depth of parameters. Converting deeper objects to text would overflow the stack. */
const deepestParams = 2_000;

/** Maximum nesting depth of a schema. The validator would overflow the stack on deeper ones. */
const deepestSchema = 200;

const derived = ['predecessorCountMap', 'originalPredecessorIdMap'];
const graphKeys = new Set(['id', 'version', 'maxVisits', 'input', 'events', 'output', 'nodes', 'edges', ...derived]);
const nodeKeys = new Set(['id', 'uses', 'params', 'inputs', 'config']);
const edgeKeys = new Set(['source', 'target', 'action', 'condition', 'transform']);

const reservedIds = new Set(['__proto__', 'constructor', 'prototype']);

const anId = aValue<string>(
  'a non-empty string, and none of __proto__, constructor, prototype',
  (value) => typeof value === 'string' && value !== '' && !reservedIds.has(value),
);
export const aJoinStrategy = aValue<string>(`one of ${joinStrategies.map((name) => `"${name}"`).join(', ')}`, (value) =>
  joinStrategies.includes(value as JoinStrategy),
);
const anArray = aValue<readonly unknown[]>('an array', Array.isArray);
const anObject = aValue<object>('an object', isPlainObject);
const someParams = aValue<object>(
  `an object that is nested at most ${deepestParams} deep`,
  (value) => isPlainObject(value) && !isDeeper(value, deepestParams),
);
export const aWaitTimeout = aValue<number>(
  'a finite number of milliseconds greater than 0',
  (value) => Number.isFinite(value) && (value as number) > 0,
);
const aSchemaAsData = aValue<object>(
  `a JSON Schema (an object that is nested at most ${deepestSchema} deep)`,
  (value) => isPlainObject(value) && !isDeeper(value, deepestSchema),
);
export const anInputMapping = aValue<unknown>(
  'a string, or an object of strings',
  (value) => isText(value) || (isPlainObject(value) && Object.values(value).every(isText)),
);

const configReaders: Record<keyof NodeConfig, Reader> = {
  joinStrategy: aJoinStrategy,
  fallback: aName,
  retry: policyReaders.retry,
  timeout: policyReaders.timeout,
  limit: aLimitAsData,
  policies: readWithoutDefaults,
  maxVisits: aConcurrency,
  repeatable: aBoolean,
};

const edgeReaders: Record<keyof EdgeDefinition, Reader> = {
  source: aName,
  target: aName,
  action: aName,
  condition: aName,
  transform: aName,
};

function isDeeper(value: unknown, levels: number): boolean {
  let level: object[] = [value as object];
  const seen = new Set<object>(level);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels) return true;
    level = level.flatMap((item) => Object.values(item).filter((inner) => isNew(inner, seen)));
  }
  return false;
}

function isNew(value: unknown, seen: Set<object>): value is object {
  if (typeof value !== 'object' || value === null || seen.has(value)) return false;
  seen.add(value);
  return true;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/** Maximum number of faults. The check stops when it has found that many, because nobody fixes more of them at once. */
const mostFaults = 10_000;

/**
 * Checks that a value has the shape of a graph. Each node and edge is checked on its own; `connect` checks that they
 * fit together.
 */
export class ShapeCheck {
  readonly faults: Fault[] = [];

  /** Returns the valid part of a graph, which is the whole value if there are no faults. */
  graph(value: unknown): Graph {
    if (!this.#holds(anObject, value, 'blueprint')) return { id: '?', nodes: [], edges: [] };
    const graph = value as Graph;
    this.#known(graph, graphKeys, '');
    this.#holds(anId, graph.id, 'id');
    if (graph.version !== undefined) this.#holds(aName, graph.version, 'version');
    if (graph.maxVisits !== undefined) this.#holds(aConcurrency, graph.maxVisits, 'maxVisits');
    this.#schemas(graph);
    const nodes = this.#list<NodeDefinition>(graph.nodes, 'nodes', mostNodes, (node, index) => this.#node(node, index));
    const edges = this.#list<EdgeDefinition>(graph.edges, 'edges', mostEdges, (edge, index) => this.#edge(edge, index));
    if (nodes.length === 0 && this.faults.length === 0) this.faults.push({ message: 'nodes must not be empty' });
    return this.faults.length === 0 ? graph : { id: String(graph.id), nodes, edges };
  }

  #schemas({ input, events, output }: Graph): void {
    if (input !== undefined) this.#holds(aSchemaAsData, input, 'input');
    if (output !== undefined) this.#holds(aSchemaAsData, output, 'output');
    if (events === undefined || !this.#holds(anObject, events, 'events')) return;
    for (const [event, schema] of Object.entries(events)) this.#holds(aSchemaAsData, schema, `events.${event}`);
  }

  /** Returns the items of a list that have no faults. */
  #list<Item>(
    value: unknown,
    field: string,
    most: number,
    check: (item: Item, index: number) => void,
  ): readonly Item[] {
    if (!this.#holds(anArray, value, field)) return [];
    const items = value as Item[];
    if (items.length > most) {
      this.faults.push({ message: `${field} must be at most ${most}, got ${items.length}` });
      return [];
    }
    let sound: Item[] | undefined;
    for (let index = 0; index < items.length && this.faults.length < mostFaults; index++) {
      const before = this.faults.length;
      check(items[index] as Item, index);
      if (this.faults.length > before) sound ??= items.slice(0, index);
      else sound?.push(items[index] as Item);
    }
    return sound ?? items;
  }

  #node(node: NodeDefinition, index: number): void {
    if (!isPlainObject(node)) {
      this.#holds(anObject, node, `nodes[${index}]`);
      return;
    }
    const { id, uses, params, inputs, config } = node;
    this.#known(node, nodeKeys, `nodes[${index}].`, id);
    // The paths for messages are composed only after a test has failed, which keeps the check of a correct graph fast.
    const isId = typeof id === 'string' && id !== '' && !reservedIds.has(id);
    if (!isId) this.#holds(anId, id, `nodes[${index}].id`);
    if (typeof uses !== 'string' || uses === '') this.#holds(aName, uses, `nodes[${index}].uses`, id);
    if (params !== undefined) this.#holds(someParams, params, `nodes[${index}].params`, id);
    if (inputs !== undefined) this.#holds(anInputMapping, inputs, `nodes[${index}].inputs`, id);
    if (config !== undefined) this.#fields(config, configReaders, `nodes[${index}].config`, id);
  }

  #edge(edge: EdgeDefinition, index: number): void {
    if (!isPlainObject(edge)) {
      this.#holds(anObject, edge, `edges[${index}]`);
      return;
    }
    const { source, target, action, condition, transform } = edge;
    this.#known(edge, edgeKeys, `edges[${index}].`);
    const isPlain = action === undefined && condition === undefined && transform === undefined;
    if (isPlain && isText(source) && isText(target)) return;
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

  /** Reports unknown keys, because a misspelt setting would otherwise be ignored silently. */
  #known(value: object, keys: ReadonlySet<string>, path: string, nodeId?: string): void {
    for (const key in value) {
      if (keys.has(key) || !Object.hasOwn(value, key)) continue;
      this.faults.push({ message: `${path}${cut(key, 100)} is unknown, expected ${[...keys].join(', ')}`, nodeId });
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
