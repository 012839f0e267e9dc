import type { CallSettings, Toolbox } from '../../flow/execution/index.js';
import { FlowNode, type FlowRuntime, type Graph, type WorkflowBlueprint } from '../../flow/index.js';
import { outlineOf, type Plan, versionBefore, versionOf } from '../../flow/plan/index.js';
import { Codec, type Merges } from '../../flow/run/index.js';
import { toolboxIn } from '../../flow/runtime.js';
import { cut } from '../../shared/text.js';
import { invalid } from '../../shared/validate.js';
import { aText } from '../engines/texts.js';

/** A flow, as code or as data, that runs on a fleet. */
export type Workflow = FlowNode | Graph;

/** A workflow in one version, as it is known here. */
export interface KnownWorkflow {
  readonly id: string;
  readonly version: string;
  /** The version that the package gave it up to 0.6, where its author gives none. */
  readonly versionBefore?: string | undefined;
  /** The hash of its graph. */
  readonly graph: string;
  readonly plan: Plan;
  readonly blueprint: WorkflowBlueprint;
  /** Whether it can be executed here. Else its graph is all that is known of it: neither nodes nor merge functions. */
  readonly hasCode: boolean;
  readonly merges: Merges;
  readonly settings: CallSettings;
}

/** The workflows that an orchestrator or a worker was given, any number of versions of each. */
export class Workflows {
  readonly codec: Codec;
  readonly toolbox: Toolbox;
  readonly #byId = new Map<string, Map<string, KnownWorkflow>>();

  /** @throws {BlueprintError} for a workflow that has faults */
  constructor(workflows: readonly Workflow[], runtime: FlowRuntime) {
    this.toolbox = toolboxIn(runtime);
    this.codec = new Codec(this.toolbox.serializer);
    for (const workflow of workflows) this.#add(workflow);
  }

  /** The first that was given; where there is none, nothing can be started without saying what. */
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

  /** @param version - Default: the one that was given last */
  find(id: string, version?: string): KnownWorkflow | undefined {
    const versions = this.#byId.get(id);
    if (version === undefined) return [...(versions?.values() ?? [])].at(-1);
    return versions?.get(version) ?? [...(versions?.values() ?? [])].find((known) => known.versionBefore === version);
  }

  #add(workflow: Workflow): void {
    const { plan, links } = this.toolbox.linkedOf(workflow);
    aText(plan.id, 'id of a workflow');
    const version = aText(versionOf(plan), `version of workflow "${plan.id}"`);
    const versions = this.#byId.get(plan.id) ?? new Map<string, KnownWorkflow>();
    if (versions.has(version)) {
      throw invalid(
        'workflows',
        `one "${plan.id}" of each version (version "${cut(version, 20)}" is given twice)`,
        workflow,
      );
    }
    this.#byId.set(plan.id, versions);
    versions.set(version, {
      id: plan.id,
      version,
      versionBefore: versionBefore(plan),
      graph: outlineOf(plan).hash,
      plan,
      blueprint: plan.graph as WorkflowBlueprint,
      hasCode: true,
      merges: workflow instanceof FlowNode ? workflow.merge : {},
      settings: settingsOf(this.toolbox, links.params),
    });
  }
}

/** What the nodes of a workflow are called with. */
export function settingsOf(
  { executor, logger, dependencies }: Toolbox,
  params: Readonly<Record<string, unknown>>,
): CallSettings {
  const ofRun = { maxVisits: undefined, depth: 0, concurrency: undefined, failFast: undefined };
  return { executor, logger, dependencies, params, ...ofRun };
}
