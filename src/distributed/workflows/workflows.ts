import { type CallSettings, schemasForEvent, type Toolbox } from '../../flow/execution/index.js';
import { FlowNode, type FlowRuntime, type FlowSchemas, type Graph, type WorkflowBlueprint } from '../../flow/index.js';
import { outlineOf, type Plan, versionBefore, versionOf } from '../../flow/plan/index.js';
import { Codec, type Merges } from '../../flow/run/index.js';
import { toolboxIn } from '../../flow/runtime.js';
import type { StandardSchema } from '../../shared/standard-schema.js';
import { cut } from '../../shared/text.js';
import { invalid, isPlainObject, type Reader } from '../../shared/validate.js';
import { aText } from '../engines/texts.js';
import { defaultMaxPayload } from '../run/options.js';
import { Payloads } from '../run/payloads.js';

/**
 * A flow that runs on a fleet: a `FlowNode` (code) or a `Graph` (data). A graph can be linked only with a `FlowRuntime`
 * whose registry has every action that the graph uses; otherwise linking throws `BlueprintError`.
 */
export type Workflow = FlowNode | Graph;

/**
 * Reads a list of workflows. The list may be empty. Faults in the graphs are reported when the workflows are linked.
 */
export const aWorkflowList: Reader<readonly Workflow[]> = (value, field) => {
  if (!Array.isArray(value)) throw invalid(field, 'an array of flows or blueprints', value);
  for (const [index, one] of value.entries()) {
    if (!(one instanceof FlowNode) && !isPlainObject(one))
      throw invalid(`${field}[${index}]`, 'a flow or a blueprint', one);
  }
  return value;
};

/** Like `aWorkflowList`, but the list must not be empty. */
export const someWorkflows: Reader<readonly Workflow[]> = (value, field) => {
  if (!Array.isArray(value) || value.length === 0) throw invalid(field, 'an array of flows or blueprints', value);
  return aWorkflowList(value, field);
};

/** A workflow in one version, with everything that this program knows about it. */
export interface KnownWorkflow {
  readonly id: string;
  readonly version: string;
  /** The version that releases up to 0.6 would assign to a workflow whose author sets no version. */
  readonly versionBefore?: string | undefined;
  /** Hash of the graph. */
  readonly graph: string;
  readonly plan: Plan;
  readonly blueprint: WorkflowBlueprint;
  /**
   * If true, the workflow can be executed here. If false, only its graph is known, without nodes and merge functions.
   */
  readonly hasCode: boolean;
  readonly merges: Merges;
  readonly settings: CallSettings;
  /** The schemas of the workflow. Without the code these are the JSON Schemas of its graph, which do not convert. */
  readonly schemas: FlowSchemas;
  /** Returns the schemas of an event, which are applied one after the other. */
  schemasForEvent(event: string): readonly StandardSchema[];
}

/** The workflows that an orchestrator or a worker was given, in any number of versions. */
export class Workflows {
  readonly codec: Codec;
  /** Encodes values that come from callers or schemas. */
  readonly payloads: Payloads;
  readonly toolbox: Toolbox;
  readonly #byId = new Map<string, Map<string, KnownWorkflow>>();
  readonly #byPlan = new WeakMap<Plan, KnownWorkflow>();

  /**
   * @param maxPayload - the maximum size of each value, in bytes of its text. Default: 1 MiB
   * @throws {BlueprintError} if a workflow has faults
   */
  constructor(workflows: readonly Workflow[], runtime: FlowRuntime, maxPayload = defaultMaxPayload) {
    this.toolbox = toolboxIn(runtime);
    this.codec = new Codec(this.toolbox.serializer);
    this.payloads = new Payloads(this.codec, maxPayload);
    for (const workflow of workflows) this.#add(workflow);
  }

  /** The first given workflow, which is the default for starting runs; `undefined` if no workflow was given. */
  get first(): KnownWorkflow | undefined {
    return this.all[0];
  }

  get all(): readonly KnownWorkflow[] {
    return [...this.#byId.values()].flatMap((versions) => [...versions.values()]);
  }

  /** Ids with versions, for messages. */
  get names(): string[] {
    return this.all.map(({ id, version }) => `${id}@${version}`);
  }

  /**
   * Finds a workflow by id.
   *
   * @param version - the version. Default: the last given version
   */
  find(id: string, version?: string): KnownWorkflow | undefined {
    const versions = this.#byId.get(id);
    if (version === undefined) return [...(versions?.values() ?? [])].at(-1);
    return versions?.get(version) ?? [...(versions?.values() ?? [])].find((known) => known.versionBefore === version);
  }

  /**
   * Finds the given workflow that has the id and the version of a flow. If there is none, links the flow, without
   * adding it to the list.
   *
   * @param field - the name of the argument, for messages
   * @throws {BlueprintError} if the flow has faults
   * @throws {ValidationError} if another graph was given under the same id and version
   */
  of(flow: FlowNode, field: string): KnownWorkflow {
    const linked = this.#link(flow);
    const { id, version, graph } = linked;
    const given = this.#byId.get(id)?.get(version);
    if (given !== undefined && given.graph !== graph) {
      const expected = `the "${cut(id, 100)}" of version "${cut(version, 20)}" that was given, or of another version`;
      throw invalid(field, expected, flow);
    }
    return given ?? linked;
  }

  #add(workflow: Workflow): void {
    const linked = this.#link(workflow);
    const { id, version } = linked;
    const versions = this.#byId.get(id) ?? new Map<string, KnownWorkflow>();
    if (versions.has(version)) {
      throw invalid(
        'workflows',
        `one "${id}" of each version (version "${cut(version, 20)}" is given twice)`,
        workflow,
      );
    }
    this.#byId.set(id, versions);
    versions.set(version, linked);
  }

  #link(workflow: Workflow): KnownWorkflow {
    const found = this.toolbox.linkedOf(workflow);
    const { plan, links } = found;
    const known = this.#byPlan.get(plan);
    if (known !== undefined) return known;
    aText(plan.id, 'id of a workflow');
    const version = aText(versionOf(plan), `version of workflow "${plan.id}"`);
    const linked: KnownWorkflow = {
      id: plan.id,
      version,
      versionBefore: versionBefore(plan),
      graph: outlineOf(plan).hash,
      plan,
      blueprint: plan.graph as WorkflowBlueprint,
      hasCode: true,
      merges: workflow instanceof FlowNode ? workflow.merge : {},
      settings: settingsOf(this.toolbox, links.params),
      schemas: links.schemas,
      schemasForEvent: (event) => schemasForEvent(found, event),
    };
    this.#byPlan.set(plan, linked);
    return linked;
  }
}

/** Returns the settings with which the nodes of a workflow are called. */
export function settingsOf(
  { executor, logger, dependencies }: Toolbox,
  params: Readonly<Record<string, unknown>>,
): CallSettings {
  const ofRun = { maxVisits: undefined, depth: 0, concurrency: undefined, failFast: undefined };
  return { executor, logger, dependencies, params, ...ofRun };
}
