import { defineWork } from '../../kernel/actions/action.js';
import { AnyLimit, readLimit } from '../../kernel/policies/limit.js';
import { noPolicies, type OwnPolicies, policyReaders } from '../../kernel/policies/policy.js';
import type { Work } from '../../kernel/scope/task.js';
import {
  type AnyFunction,
  aBoolean,
  aConcurrency,
  aFinite,
  aName,
  anObjectOf,
  type Reader,
} from '../../shared/validate.js';
import type { EdgeDefinition, Graph, InputMapping, NodeConfig, NodeDefinition } from '../blueprint.js';
import type { MaybePromise, NodeExecutor } from '../contracts.js';
import type { Fault } from '../errors.js';
import type { FlowSchemas, Node, NodeMiddleware, Registry } from '../node.js';
import { anInputMapping, aWaitTimeout } from '../plan/check.js';
import { Plan, type Uncompiled } from '../plan/plan.js';
import { eventOf, followedInTime } from '../plan/waits.js';
import type { Merges } from '../run/merge.js';
import { batchOf } from './batch.js';
import { type EdgeFunction, LinkedFlow } from './linked.js';
import { type CallSettings, noSettings } from './node-call.js';
import { TaskExecutor } from './node-executor.js';
import { type IsNode, type Source, sourceFrom } from './paths.js';
import { awaitedBy, schemaOfEvent } from './schemas.js';
import { SharedWork } from './shared-work.js';
import { nodesOf, Targets } from './targets.js';
import type { Toolbox } from './toolbox.js';
import { LimitedExecutor, VisitLimit } from './visit-limit.js';
import { SleepExecutor, WaitExecutor } from './wait-executor.js';
import { withMiddleware, workOf } from './work.js';

/** The data needed to link a blueprint, in addition to the settings of the runtime. */
export interface LinkOptions {
  readonly params: Readonly<Record<string, unknown>>;
  readonly merges: Merges;
  readonly schemas: FlowSchemas;
  readonly registries: readonly Registry[];
  readonly middleware: readonly NodeMiddleware[];
  /**
   * Policies that contain functions or class instances, by node id. Policies that are plain data are part of the
   * blueprint.
   */
  readonly policies: ReadonlyMap<string, OwnPolicies>;
}

/** Resolves everything that the nodes and edges of a blueprint refer to. Returns all faults if there are any. */
export function link(plan: Plan | Uncompiled, options: LinkOptions, toolbox: Toolbox): LinkedFlow | readonly Fault[] {
  if (plan instanceof Plan) return new Linker(plan.graph, options, toolbox).link(plan);
  return [...plan.faults, ...new Linker(plan.sound, options, toolbox).check()];
}

const readPolicies = anObjectOf<Pick<NodeConfig, 'retry' | 'timeout'>, OwnPolicies>({
  retry: policyReaders.retry,
  timeout: policyReaders.timeout,
});

/** The variables that expressions on edges may refer to. */
const edgeVariables = ['result', 'output', 'action', 'context'];
const waitParams = { event: aName, timeout: aWaitTimeout };
const sleepParams = { duration: aFinite, until: aFinite };
const noConfig: NodeConfig = {};
const batchParams = { items: aName, concurrency: aConcurrency, failFast: aBoolean };

class Linker {
  readonly #faults: Fault[] = [];
  readonly #inputs = new Map<string, Source>();
  /** The limits of nodes that are data. `null` switches the default off. */
  readonly #limits = new Map<string, readonly AnyLimit[] | null>();
  readonly #conditions = new Map<EdgeDefinition, EdgeFunction>();
  readonly #transforms = new Map<EdgeDefinition, EdgeFunction>();
  readonly #flows = new Map<string, () => LinkedFlow>();
  readonly #shared = new SharedWork();
  /** The waits whose expiry an edge follows. */
  #followedInTime: ReadonlySet<string> | undefined = undefined;
  readonly #targets: Targets;
  readonly #settings: CallSettings;
  readonly #isNode: IsNode;

  constructor(
    private readonly graph: Graph,
    private readonly options: LinkOptions,
    private readonly toolbox: Toolbox,
  ) {
    const { logger, dependencies, executor } = toolbox;
    this.#isNode = nodesOf(graph);
    this.#targets = new Targets(options.registries, toolbox, (nodeId, message) => this.#fault(nodeId, message));
    this.#settings = { ...noSettings, logger, dependencies, executor };
  }

  link(plan: Plan): LinkedFlow | readonly Fault[] {
    if (this.check().length > 0) return this.#faults;
    return new LinkedFlow(plan, {
      params: this.options.params,
      merges: this.options.merges,
      schemas: this.options.schemas,
      executorOf: (node) => this.#make(node),
      inputs: this.#inputs,
      conditions: this.#conditions,
      transforms: this.#transforms,
      flows: this.#flows,
    });
  }

  check(): readonly Fault[] {
    for (const node of this.graph.nodes) {
      const source = node.inputs === undefined ? undefined : this.#source(node.id, 'inputs', node.inputs);
      if (source !== undefined) this.#inputs.set(node.id, source);
      this.#check(node);
      this.#checkLimit(node);
      const flow = this.#targets.flowBehind(node);
      if (flow !== undefined) this.#flows.set(node.id, flow);
    }
    this.#checkEvents();
    for (const edge of this.graph.edges) {
      if (edge.condition !== undefined) this.#connect(edge, 'condition', this.#conditions);
      if (edge.transform !== undefined) this.#connect(edge, 'transform', this.#transforms);
    }
    return this.#faults;
  }

  /** Checks the target and the parameters of a node. */
  #check(node: NodeDefinition): void {
    switch (node.uses) {
      case 'wait':
        this.#params(node, waitParams);
        break;
      case 'sleep':
        this.#checkSleep(node);
        break;
      case 'batch':
        this.#checkBatch(node);
        break;
      case 'subflow':
        this.#checkOutputs(node);
        this.#targets.of(node);
        break;
      default:
        this.#targets.of(node);
    }
  }

  /** Reports schemas of events that no node waits for, because their names are probably misspelt. */
  #checkEvents(): void {
    const events = Object.keys(this.options.schemas.events ?? {});
    const awaited = new Set(events.length === 0 ? [] : this.graph.nodes.flatMap((node) => awaitedBy(node) ?? []));
    for (const event of events.filter((one) => !awaited.has(one))) {
      const known = [...awaited].join(', ') || 'no node waits';
      this.#faults.push({ message: `events.${event} must be an event that a node of the flow waits for (${known})` });
    }
  }

  #checkLimit({ id, config }: NodeDefinition): void {
    const limit = config?.limit;
    if (limit === undefined) return;
    const found: unknown = typeof limit === 'string' ? this.#targets.registered(limit) : limit;
    if (found === null) this.#limits.set(id, null);
    else if (typeof limit !== 'string' || found instanceof AnyLimit)
      this.#limits.set(id, readLimit(found, 'config.limit'));
    else this.#fault(id, `config.limit of "${id}": "${limit}" is not a limit() in the registry`);
  }

  #checkSleep(node: NodeDefinition): void {
    this.#params(node, sleepParams);
    const { duration, until } = node.params ?? {};
    if ((duration === undefined) !== (until === undefined)) return;
    const expected = 'must have duration (milliseconds) or until (epoch milliseconds), and not both';
    this.#fault(node.id, `params of "${node.id}" ${expected}`);
  }

  #checkBatch(node: NodeDefinition): void {
    const { items } = this.#params(node, batchParams);
    if (items !== undefined) this.#source(node.id, 'params.items', items);
    this.#targets.of(node);
  }

  #checkOutputs(node: NodeDefinition): void {
    const { outputs } = this.#params(node, { outputs: anInputMapping }) as { outputs?: InputMapping };
    const { flow } = node.params ?? {};
    const isNode = nodesOf(typeof flow === 'string' ? this.#targets.registered(flow) : undefined);
    if (outputs !== undefined) this.#source(node.id, 'params.outputs', outputs, isNode);
  }

  /** Makes the executor of a node that has passed the check. */
  #make(node: NodeDefinition): NodeExecutor {
    const { id, params = {} } = node;
    switch (node.uses) {
      case 'wait':
        return this.#limited(node, this.#wait(node));
      case 'sleep': {
        const { duration, until } = params as { duration: number; until?: number };
        return this.#limited(node, new SleepExecutor(id, (now) => until ?? now + duration));
      }
      case 'batch':
        return this.#taskExecutor(node, this.#batch(node));
      default:
        return this.#taskExecutor(node, this.#work(node));
    }
  }

  #wait(node: NodeDefinition): NodeExecutor {
    const { timeout } = this.#params(node, waitParams);
    this.#followedInTime ??= followedInTime(this.graph);
    const expiry = timeout === undefined ? undefined : { timeout, isFollowed: this.#followedInTime.has(node.id) };
    const event = eventOf(node) as string;
    return new WaitExecutor(node.id, event, { expiry, schema: schemaOfEvent(this.options.schemas, event) });
  }

  #batch(node: NodeDefinition): Work {
    const { items, concurrency, failFast } = this.#params(node, batchParams);
    const worker = defineWork(this.toolbox.core, node.id, withMiddleware(this.options.middleware, this.#work(node)));
    const source = items === undefined ? undefined : this.#source(node.id, 'params.items', items);
    return workOf(batchOf({ worker, items: source, concurrency, failFast }), this.toolbox.core, {}, noPolicies);
  }

  #taskExecutor(node: NodeDefinition, work: Work): NodeExecutor {
    const wrapped = withMiddleware(this.options.middleware, work);
    const followed = this.#shared.followedOf(this.#targets.of(node));
    const definition = defineWork(this.toolbox.core, node.id, wrapped, undefined, followed);
    return new TaskExecutor(definition, node, this.#limitOf(node), this.#settings);
  }

  #limited(node: NodeDefinition, executor: NodeExecutor): NodeExecutor {
    return new LimitedExecutor(executor, this.#limitOf(node));
  }

  #limitOf(node: NodeDefinition): VisitLimit {
    return new VisitLimit(node, this.#settings, this.graph.maxVisits);
  }

  #work(node: NodeDefinition): Work {
    const { core, policies: defaults } = this.toolbox;
    const target = this.#targets.of(node) as AnyFunction | Node;
    const { retry, timeout, limit, policies } = node.config ?? noConfig;
    const own = this.options.policies.get(node.id);
    const isPlain = own === undefined && retry === undefined && timeout === undefined;
    if (!isPlain || limit !== undefined || policies !== undefined) {
      const data = () => ({ ...readPolicies({ retry, timeout }), limit: this.#limits.get(node.id) });
      return workOf(target, core, own ?? data(), policies ?? defaults);
    }
    return this.#shared.of(target, () => workOf(target, core, {}, defaults));
  }

  #params<Params>(
    node: NodeDefinition,
    readers: { readonly [Key in keyof Params]: Reader<Params[Key]> },
  ): Partial<Params> {
    const read: Partial<Params> = {};
    for (const key of Object.keys(readers) as (keyof Params & string)[]) {
      const value = node.params?.[key];
      if (value === undefined) continue;
      this.#attempt(node.id, () => {
        read[key] = readers[key](value, `params.${key} of "${node.id}"`);
      });
    }
    return read;
  }

  #source(nodeId: string, field: string, mapping: InputMapping, isNode = this.#isNode): Source | undefined {
    let source: Source | undefined;
    this.#attempt(
      nodeId,
      () => {
        source = sourceFrom(mapping, this.toolbox.evaluator, isNode);
      },
      `${field} of "${nodeId}": `,
    );
    return source;
  }

  #connect(edge: EdgeDefinition, field: 'condition' | 'transform', into: Map<EdgeDefinition, EdgeFunction>): void {
    const text = edge[field] as string;
    const registered = this.#targets.registered(text);
    if (typeof registered === 'function') {
      const fn = registered as AnyFunction;
      into.set(edge, ({ output, action }, context) => fn(output, { action, context }) as MaybePromise<unknown>);
      return;
    }
    this.#attempt(
      edge.source,
      () => {
        const evaluate = this.toolbox.evaluator.parse(text, edgeVariables);
        into.set(edge, ({ output = null, action = null }, context) =>
          evaluate({ result: { output, action }, output, action, context }),
        );
      },
      `the ${field} of the edge from "${edge.source}" to "${edge.target}": `,
    );
  }

  #attempt(nodeId: string, work: () => void, prefix = ''): void {
    try {
      work();
    } catch (error) {
      this.#fault(nodeId, prefix + (error as Error).message);
    }
  }

  #fault(nodeId: string, message: string): void {
    this.#faults.push({ nodeId, message });
  }
}
