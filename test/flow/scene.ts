import type { Context, Flow, NodeArgs, WorkflowResult } from 'orchestrator/flow';

/*
 * Flows whose executions can be told from each other: each has a mark, a text that it leaves in its output and in what it
 * writes. Which marks are in a saved text says which executions were saved.
 */

export type AnyFlow = Flow<Context, WorkflowResult<Context>, string>;

/** A flow, made anew for each program. */
export interface Scene {
  readonly build: (site: Site) => AnyFlow;
  readonly context?: object;
  readonly options?: { readonly concurrency?: number };
  /** The executions that fail, and what else may be done again. Default: none. */
  readonly fails?: (mark: string) => boolean;
}

/** How nodes tell what they do. */
export interface Site {
  /** Begins an execution; never resolves in a program that is dead. */
  begin(args: NodeArgs, input: unknown): Promise<string>;
  /** Ends one; never resolves in a program that is dead. */
  end(mark: string): Promise<void>;
}

export const runId = 'run';

const isMark = /«[^«»]*»/g;

export function markOf({ runId: path, nodeId, visit, index }: NodeArgs): string {
  return `«${path}:${nodeId}#${visit}${index === undefined ? '' : `[${index}]`}»`;
}

/** The marks that a text has. */
export function marksIn(text: string): Set<string> {
  return new Set(text.match(isMark));
}

/** What users see of a run that does not depend on the order of what ran side by side. */
export function pictureOf({ status, output, context, errors, completed, skipped }: WorkflowResult) {
  return {
    status,
    output,
    context: sorted(context),
    errors: errors.map(({ nodeId, recoveredBy, cause }) => `${nodeId} ${recoveredBy} ${cause}`).toSorted(),
    completed: [...completed].toSorted(),
    skipped: [...skipped].toSorted(),
  };
}

/** Lists of marks in one order: the order of what nodes have added side by side is not known. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value))
    return value.every((item) => typeof item === 'string') ? value.toSorted() : value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sorted((value as Record<string, unknown>)[key])]),
  );
}
