import { toBlueprint, type WorkflowBlueprint } from '../../flow/index.js';
import type { Engine, WorkflowVersion } from '../contracts.js';
import { WorkflowNotFoundError } from '../errors.js';
import { workflowFrom } from '../workflows/blueprint-text.js';
import type { KnownWorkflow, Workflows } from '../workflows/workflows.js';

/** Milliseconds for which a graph is used before it is read again. */
const freshFor = 10_000;

/** Maximum number of graphs read from the engine that are kept in memory. */
const mostKept = 100;

interface Read {
  readonly text: string;
  readonly workflow: KnownWorkflow;
  readonly at: number;
}

/**
 * The workflows that an orchestrator can use: the workflows that it was given, and the workflows whose graphs are
 * stored on the engine.
 */
export class Catalogue {
  /** Workflows that were read from the engine, the most recently read last. */
  readonly #read = new Map<string, Read>();

  constructor(
    private readonly engine: Engine,
    private readonly workflows: Workflows,
  ) {}

  /** Lists all workflows, starting with the workflows on the engine. */
  async list(): Promise<WorkflowVersion[]> {
    const stored = await this.engine.workflowStore.list();
    const known = new Set(stored.map(keyOf));
    const own = this.workflows.all.filter((workflow) => !known.has(keyOf(workflow)));
    return [...stored, ...own.map(({ id, version }) => ({ id, version }))];
  }

  async find(id: string, version: string): Promise<KnownWorkflow | undefined> {
    return this.workflows.find(id, version) ?? this.#stored({ id, version });
  }

  /**
   * @param version - the version. Default: the last version given to this orchestrator, or else the last one stored
   *   on the engine
   * @throws {WorkflowNotFoundError} for a workflow that was not given and is not on the engine
   */
  async get(id: string, version?: string): Promise<KnownWorkflow> {
    const own = this.workflows.find(id, version);
    if (own !== undefined) return own;
    const last = version ?? (await this.engine.workflowStore.list()).findLast((stored) => stored.id === id)?.version;
    const stored = last === undefined ? undefined : await this.#stored({ id, version: last });
    if (stored !== undefined) return stored;
    const names = (await this.list()).map((workflow) => `${workflow.id}@${workflow.version}`);
    throw new WorkflowNotFoundError(id, version, names);
  }

  async blueprint(id: string, version?: string): Promise<WorkflowBlueprint> {
    return toBlueprint((await this.get(id, version)).blueprint);
  }

  /**
   * Returns a workflow from the engine. After `freshFor` the workflow is read again, because its graph may have changed
   * under the same version.
   */
  async #stored(of: WorkflowVersion): Promise<KnownWorkflow | undefined> {
    const key = keyOf(of);
    const before = this.#read.get(key);
    if (before !== undefined && performance.now() - before.at < freshFor) return before.workflow;
    const text = await this.engine.workflowStore.get(of.id, of.version);
    if (text === undefined) return undefined;
    const isSame = before?.text === text;
    const workflow = isSame ? before.workflow : workflowFrom(text, of.id, of.version, this.workflows.toolbox);
    this.#keep(key, { text, workflow, at: performance.now() });
    return workflow;
  }

  #keep(key: string, read: Read): void {
    this.#read.delete(key);
    this.#read.set(key, read);
    const [oldest] = this.#read.keys();
    if (this.#read.size > mostKept) this.#read.delete(oldest as string);
  }
}

function keyOf({ id, version }: WorkflowVersion): string {
  return JSON.stringify([id, version]);
}
