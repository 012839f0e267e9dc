import type { Logger } from '../../logger.js';
import { currentScope } from '../../process.js';
import type { NodeDefinition } from '../blueprint.js';
import type { IExecutor, NodeArgs } from '../node.js';
import type { WorkflowState } from '../state.js';
import { segmentOf } from './keys.js';

/** A retry that is made by whoever executes a node. */
export interface Postponement {
  /** After so many milliseconds. */
  readonly delay: number;
  /** Whether it uses up one of the retries. */
  readonly consumed: boolean;
}

/** What the nodes of a run have in common. */
export interface CallSettings {
  readonly executor: IExecutor;
  readonly logger: Logger;
  readonly dependencies: unknown;
  /** Of flow and run. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Of the run. */
  readonly maxVisits: number | undefined;
  /** How many sub-flows the run is in. */
  readonly depth: number;
  /** What the keys of its effects begin with. Default: the id of the run. */
  readonly path?: string | undefined;
  readonly concurrency: number | undefined;
  readonly failFast: boolean | undefined;
}

const settings = new WeakMap<WorkflowState, CallSettings>();

export function settingsOf(state: WorkflowState): CallSettings | undefined {
  return settings.get(state);
}

export function setSettings(state: WorkflowState, of: CallSettings): void {
  settings.set(state, of);
}

/** Of a node that is executed outside of any run. */
export const noSettings = { params: {}, maxVisits: undefined, depth: 0, concurrency: undefined, failFast: undefined };

const noParams = {};

/** One execution of a node: what the node sees of it, filled in as it goes. */
export class NodeCall implements NodeArgs {
  /** How often it was tried. */
  attempt = 0;
  prepRes: unknown = undefined;
  execRes: unknown = undefined;
  error: unknown = undefined;
  /** That it is to be tried again, where whoever executes it sees to that. */
  postponed: Postponement | undefined = undefined;

  constructor(
    readonly node: NodeDefinition,
    readonly input: unknown,
    readonly state: WorkflowState,
    readonly visit: number,
    readonly settings: CallSettings,
    readonly index?: number,
  ) {}

  get nodeId(): string {
    return this.node.id;
  }

  get runId(): string {
    return this.state.runId;
  }

  get context() {
    return this.state.getContext();
  }

  get params(): Readonly<Record<string, unknown>> {
    const { params = noParams } = this.node;
    return { ...this.settings.params, ...params };
  }

  get signal(): AbortSignal {
    return currentScope()?.cancellation.signal ?? new AbortController().signal;
  }

  get idempotencyKey(): string {
    const { runId, nodeId, visit, index, settings } = this;
    const path = settings.path ?? segmentOf(runId);
    return `${path}/${segmentOf(nodeId)}/${visit}${index === undefined ? '' : `/${index}`}`;
  }

  isCancelled(): boolean {
    return currentScope()?.cancellation.aborted ?? false;
  }

  get executor(): IExecutor {
    return this.settings.executor;
  }

  get logger(): Logger {
    return this.settings.logger;
  }

  get dependencies(): unknown {
    return this.settings.dependencies;
  }
}
