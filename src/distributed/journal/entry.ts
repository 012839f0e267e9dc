import type { Waiting } from '../../flow/index.js';
import type { Changes } from '../../flow/run/index.js';
import type { RunStatus } from '../run-info.js';

/**
 * What happens in a run, as its journal has it: JSON, in which values are texts of the codec. Everything else that is
 * known of a run follows from these.
 */
export type Entry = NodeEntry | StepEntry | RunEntry;

/** Which execution it is about, and who has made it. */
export interface Execution {
  readonly node: string;
  readonly visit: number;
  /** How often the node was made ready, from 1. */
  readonly round: number;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** The job that it was executed under. */
  readonly job: string;
  readonly worker: string;
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/** A node has ended, for now or for good. */
export type NodeEntry = Execution &
  Changes &
  (
    | {
        readonly type: 'completed';
        readonly output?: string | undefined;
        readonly action?: string | undefined;
        /** The nodes that the arcs lead to that are taken. Default: all. */
        readonly targets?: readonly string[] | undefined;
        /** The same by number, in runs that versions up to 0.6 have begun. */
        readonly arcs?: readonly number[] | undefined;
        /** What arcs pass on, by the nodes that they lead to, where that is not the output. */
        readonly passed?: readonly (readonly [target: string | number, text: string])[] | undefined;
        /** The fallback that stood in for it, if one did. */
        readonly recoveredBy?: string | undefined;
      }
    | {
        readonly type: 'failed';
        readonly error: string;
        readonly isLost?: boolean | undefined;
        /** How often the node was tried, where that is not the number of the attempt. */
        readonly tried?: number | undefined;
      }
    | { readonly type: 'retrying'; readonly error: string; readonly delay: number; readonly consumed: boolean }
    | { readonly type: 'awaiting'; readonly waits: readonly Waiting[] }
  );

/** Something is done inside a node that is not done itself: an item of a batch, a node of a sub-flow. */
export type StepEntry = { readonly node: string; readonly round: number; readonly claim: string } & (
  | { readonly type: 'claimed' }
  | { readonly type: 'item'; readonly index: number; readonly output: string; readonly changes?: Changes | undefined }
  | { readonly type: 'started'; readonly key: string; readonly run: string }
  | { readonly type: 'child'; readonly key: string; readonly entry: string }
);

/** Something has happened to the run as a whole. */
export type RunEntry =
  /** `id`: what the sender calls it. */
  | { readonly type: 'signal'; readonly event: string; readonly payload: string; readonly id?: string | undefined }
  /** The time has come that a node waited for. */
  | { readonly type: 'due'; readonly node: string; readonly round: number; readonly job: string }
  | { readonly type: 'paused' }
  /** An item was put aside because the run is paused. */
  | { readonly type: 'parked'; readonly node: string; readonly round: number }
  | { readonly type: 'resumed' }
  | { readonly type: 'cancelled'; readonly reason: string }
  | { readonly type: 'timed-out' }
  /** Nothing more is to be done in it. */
  | { readonly type: 'concluded'; readonly status: RunStatus }
  /** A run that was over goes on from where it stopped. */
  | { readonly type: 'retried' };

/** A run inside a node, as it is kept in texts: `SavedRun`, and entries of the flow layer. */
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
