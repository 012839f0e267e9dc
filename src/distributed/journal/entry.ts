import type { Waiting } from '../../flow/index.js';
import type { Changes } from '../../flow/run/index.js';
import type { RunStatus } from '../run-info.js';

/**
 * A journal entry: one event of a run, stored as JSON. The values in an entry are texts of the codec. The entries of a
 * run determine its whole state.
 */
export type Entry = NodeEntry | StepEntry | RunEntry;

/** The execution that an entry reports, with the worker that ran it. */
export interface Execution {
  readonly node: string;
  readonly visit: number;
  /** Number of times that the node has become ready, from 1. */
  readonly round: number;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** The job under which the node was executed. */
  readonly job: string;
  readonly worker: string;
  /** Duration in milliseconds. */
  readonly ms: number;
  /** Number of nodes that may share a job, of those that become ready. Default: 1. */
  readonly together?: number | undefined;
}

/** The result of one execution of a node. The node is finished, will be retried, or waits for events. */
export type NodeEntry = Execution &
  Changes &
  (
    | {
        readonly type: 'completed';
        readonly output?: string | undefined;
        readonly action?: string | undefined;
        /** Target nodes of the taken arcs. Default: all arcs are taken. */
        readonly targets?: readonly string[] | undefined;
        /** The taken arcs by number, in runs started by versions up to 0.6. */
        readonly arcs?: readonly number[] | undefined;
        /** Values that arcs pass on instead of the output, by target node. */
        readonly passed?: readonly (readonly [target: string | number, text: string])[] | undefined;
        /** The fallback that replaced the node, if any. */
        readonly recoveredBy?: string | undefined;
      }
    | {
        readonly type: 'failed';
        readonly error: string;
        readonly isLost?: boolean | undefined;
        /** Number of tries, if it differs from the number of the attempt. */
        readonly tried?: number | undefined;
      }
    | { readonly type: 'retrying'; readonly error: string; readonly delay: number; readonly consumed: boolean }
    | { readonly type: 'awaiting'; readonly waits: readonly Waiting[] }
  );

/** Progress inside a node that is still being executed: an element of a batch, or a node of a sub-flow. */
export type StepEntry = { readonly node: string; readonly round: number; readonly claim: string } & (
  | { readonly type: 'claimed' }
  | { readonly type: 'item'; readonly index: number; readonly output: string; readonly changes?: Changes | undefined }
  | { readonly type: 'started'; readonly key: string; readonly run: string }
  | { readonly type: 'child'; readonly key: string; readonly entry: string }
);

/** An event of the run as a whole. */
export type RunEntry =
  /**
   * `id`: the id that the sender gave to the signal. `unchecked`: the schema of the event is still to be applied to the
   * payload, because the sender does not have the code of the workflow. `sent`: the digest of the payload as it was sent,
   * if the schema of the event has converted it.
   */
  | {
      readonly type: 'signal';
      readonly event: string;
      readonly payload: string;
      readonly id?: string | undefined;
      readonly unchecked?: true | undefined;
      readonly sent?: string | undefined;
    }
  /** A worker has applied the schema of the workflow to the input, which the sender could not do. */
  | { readonly type: 'input'; readonly input: string }
  /** The time that a node waited for has come. */
  | { readonly type: 'due'; readonly node: string; readonly round: number; readonly job: string }
  | { readonly type: 'paused' }
  /** Nodes that shared a job, which from now on have jobs of their own. */
  | { readonly type: 'split'; readonly nodes: readonly string[]; readonly job: string }
  /** An item was put aside because the run is paused. */
  | { readonly type: 'parked'; readonly node: string; readonly round: number }
  | { readonly type: 'resumed' }
  | { readonly type: 'cancelled'; readonly reason: string }
  | { readonly type: 'timed-out' }
  /** The run has no more work. */
  | { readonly type: 'concluded'; readonly status: RunStatus }
  /** A finished run continues from the point at which it stopped. */
  | { readonly type: 'retried' };

/** A sub-flow's run inside a node, as texts: its `SavedRun`, and the entries that the flow layer has appended since. */
export interface SavedSteps {
  readonly run: string;
  readonly entries: string[];
}

export function writeEntry(entry: Entry): string {
  return JSON.stringify(entry);
}

export function readEntry(text: string): Entry {
  return JSON.parse(text) as Entry;
}
