import type { Graph, WorkflowBlueprint } from '../flow/blueprint.js';
import type { LinkedFlow } from '../flow/execution/linked.js';
import type { CallSettings } from '../flow/execution/node-call.js';
import type { Toolbox } from '../flow/execution/toolbox.js';
import type { FlowRuntime } from '../flow/index.js';
import { FlowNode } from '../flow/node.js';
import type { Plan } from '../flow/plan/plan.js';
import { versionOf } from '../flow/plan/version.js';
import { toolboxIn } from '../flow/runtime.js';
import { invalid } from '../validate.js';
import { WorkflowNotFoundError } from './errors.js';
import { Codec } from './journal/codec.js';
import type { Merges } from './journal/merge.js';

/** A flow, as code or as data, that runs on a fleet. */
export type Workflow = FlowNode | Graph;

/** A workflow in one version, ready to be executed. */
export interface KnownWorkflow {
  readonly id: string;
  readonly version: string;
  readonly plan: Plan;
  readonly blueprint: WorkflowBlueprint;
  readonly linked: LinkedFlow;
  readonly merges: Merges;
  readonly settings: CallSettings;
}

/** The workflows that an orchestrator or a worker knows, any number of versions of each. */
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

  /** The first that was given; where there is none, nothing can be started. */
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

  find(id: string, version: string): KnownWorkflow | undefined {
    return this.#byId.get(id)?.get(version);
  }

  /**
   * A workflow by id.
   *
   * @param version - Default: the one that was given last
   * @throws {WorkflowNotFoundError} for one that is not known
   */
  get(id: string, version?: string): KnownWorkflow {
    const versions = this.#byId.get(id);
    const found = version === undefined ? [...(versions?.values() ?? [])].at(-1) : versions?.get(version);
    if (found === undefined) throw new WorkflowNotFoundError(id, version, this.names);
    return found;
  }

  #add(workflow: Workflow): void {
    const linked = this.toolbox.linkedOf(workflow);
    const { plan } = linked;
    const version = versionOf(plan);
    const { logger, dependencies, executor } = this.toolbox;
    const versions = this.#byId.get(plan.id) ?? new Map<string, KnownWorkflow>();
    if (versions.has(version)) {
      throw invalid(
        'workflows',
        `one "${plan.id}" of each version (version "${version.slice(0, 20)}" is given twice)`,
        workflow,
      );
    }
    this.#byId.set(plan.id, versions);
    versions.set(version, {
      id: plan.id,
      version,
      plan,
      blueprint: plan.graph as WorkflowBlueprint,
      linked,
      merges: workflow instanceof FlowNode ? workflow.merge : {},
      settings: {
        executor,
        logger,
        dependencies,
        params: linked.links.params,
        maxVisits: undefined,
        depth: 0,
        concurrency: undefined,
        failFast: undefined,
      },
    });
  }
}
