import { setTimeout as sleep } from 'node:timers/promises';
import type { Context, Flow, NodeArgs, Waiting, WorkflowResult } from 'orchestrator/flow';

/*
 * Flows whose executions can be distinguished: each has a mark, a text that appears in its output and in everything it
 * writes. The marks in a saved text show which executions were saved.
 */

export type AnyFlow = Flow<Context, WorkflowResult<Context>, string>;

/** Creates the flow, once for each program. */
export interface Scene {
  readonly build: (site: Site) => AnyFlow;
  readonly context?: object;
  readonly options?: { readonly concurrency?: number };
  /** The executions that fail, and other executions that may be repeated. Default: none. */
  readonly fails?: (mark: string) => boolean;
}

/** The functions that nodes call at the start and the end of an execution. */
export interface Site {
  /** Called when an execution starts. Never resolves in a program that is dead. */
  begin(args: NodeArgs, input: unknown): Promise<string>;
  /** Called when an execution ends. Never resolves in a program that is dead. */
  end(mark: string): Promise<void>;
}

export const runId = 'run';

const isMark = /«[^«»]*»/g;

export function markOf({ runId: path, nodeId, visit, index }: NodeArgs): string {
  return `«${path}:${nodeId}#${visit}${index === undefined ? '' : `[${index}]`}»`;
}

/** The marks in a text. */
export function marksIn(text: string): Set<string> {
  return new Set(text.match(isMark));
}

/** The visible results of a run that do not depend on the order of parallel work. */
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

/** Sorts lists of marks, because the order of parallel additions is not defined. */
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

/** The payload with which a test ends a wait. */
export function payloadOf(event: string): string {
  return `payload of ${event}`;
}

/** Returns true if a test ends the wait with its event. Waits that expire soon are left to expire. */
export function isAnswered({ expires, until = Infinity }: Waiting): boolean {
  return expires !== true || until - Date.now() > 60_000;
}

/** Waits until the waits that no event ends have expired, and returns the events for the others. */
export async function eventsFor(awaiting: readonly Waiting[]): Promise<Record<string, string>> {
  const answered = awaiting.filter(isAnswered);
  const times = awaiting.flatMap((wait) => (isAnswered(wait) ? [] : [wait.until as number]));
  while (Date.now() < Math.max(0, ...times)) await sleep(Math.max(1, Math.max(...times) - Date.now()));
  return Object.fromEntries(answered.map(({ event }) => [event, payloadOf(event)]));
}
