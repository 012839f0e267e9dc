import type { Waiting } from '../../flow/index.js';
import type { SavedPosition } from '../../flow/plan/index.js';
import type { Changes, Remembered, WaitEnd } from '../../flow/run/index.js';
import type { Carrier } from '../../kernel/hooks/instrumentation.js';
import type { SavedSteps } from './entry.js';
import type { WorkItem } from './ledger.js';
import type { Numbering, SavedPassed } from './numbering.js';
import type { Payload } from './signals.js';
import type { SavedTally } from './tally.js';

/** The failure of a node: its error as text, the number of tries, and the fallback that replaced the node. */
interface SavedFailure {
  readonly error: string;
  readonly attempts: number;
  readonly recoveredBy?: string | undefined;
}

/** A replica in its saved form. The saved replica of a new run has no position. */
export interface SavedReplica {
  readonly flow: string;
  readonly version: string;
  readonly runId: string;
  readonly input: string;
  /** If true, the schema of the workflow is still to be applied to the input, by a worker that has the code. */
  readonly unchecked?: true | undefined;
  readonly values: readonly (readonly [key: string, text: string])[];
  /** Hash of the graph that the run follows. `undefined` for runs started by versions up to 0.6. */
  readonly graph?: string | undefined;
  readonly carrier?: Carrier | undefined;
  readonly position?: SavedPosition | undefined;
  readonly items?: readonly WorkItem[] | undefined;
  readonly rounds?: readonly number[] | undefined;
  readonly epoch?: number | undefined;
  readonly passed?: SavedPassed | undefined;
  readonly actions?: readonly (readonly [nodeId: string, action: string])[] | undefined;
  readonly failures?: readonly (readonly [nodeId: string, failure: SavedFailure])[] | undefined;
  readonly awaiting?: readonly (readonly [nodeId: string, waits: readonly Waiting[]])[] | undefined;
  /** Versions up to 0.12 wrote the events alone. */
  readonly delivered?:
    | readonly (readonly [nodeId: string, events: WaitEnd<string>['events'], rest?: Omit<WaitEnd<string>, 'events'>])[]
    | undefined;
  readonly received?: readonly (readonly [event: string, digest: string])[] | undefined;
  readonly signals?: readonly (readonly [event: string, payloads: readonly Payload[]])[] | undefined;
  readonly batches?: readonly (readonly [
    nodeId: string,
    outputs: readonly (readonly [index: number, text: string])[],
  ])[];
  readonly itemChanges?: readonly (readonly [
    nodeId: string,
    changes: readonly (readonly [index: number, changes: Changes])[],
  ])[];
  readonly steps?: readonly (readonly [
    nodeId: string,
    steps: readonly (readonly [key: string, saved: SavedSteps])[],
  ])[];
  readonly tally?: SavedTally | undefined;
}

/** The fields that hold the memory of the run. */
type SavedMemory = Pick<
  SavedReplica,
  'passed' | 'actions' | 'failures' | 'awaiting' | 'delivered' | 'received' | 'batches' | 'itemChanges' | 'steps'
>;

/** Restores the memory of a run from its saved fields. */
export function keptIn(saved: SavedMemory, numbering: Numbering): Remembered<string> {
  const failures = (saved.failures ?? []).map(
    ([nodeId, { error, ...rest }]) => [nodeId, { cause: error, ...rest }] as const,
  );
  return {
    failures: new Map(failures),
    awaiting: new Map(saved.awaiting),
    delivered: new Map(saved.delivered?.map(([nodeId, events, rest]) => [nodeId, { events, ...rest }])),
    received: new Map(saved.received),
    passed: new Map(numbering.readPassed(saved.passed)),
    actions: new Map(saved.actions),
    items: mapsIn(saved.batches),
    itemChanges: mapsIn(saved.itemChanges),
    inner: mapsIn(saved.steps),
  };
}

/** Saves the memory of a run in a form that every version can read. */
export function savedMemory(kept: Remembered<string>, numbering: Numbering): SavedMemory {
  return {
    passed: numbering.writePassed(kept.passed),
    actions: [...kept.actions],
    failures: [...kept.failures].map(([nodeId, { cause, ...rest }]) => [nodeId, { error: cause, ...rest }]),
    awaiting: [...kept.awaiting],
    delivered: [...kept.delivered].map(([nodeId, { events, ...rest }]) => [nodeId, events, rest]),
    ...(kept.received.size === 0 ? {} : { received: [...kept.received] }),
    batches: [...kept.items].map(([nodeId, outputs]) => [nodeId, [...outputs]]),
    itemChanges: [...kept.itemChanges].map(([nodeId, changes]) => [nodeId, [...changes]]),
    steps: [...kept.inner].map(([nodeId, steps]) => [nodeId, [...steps]]),
  };
}

function mapsIn<Key, Value>(
  saved: readonly (readonly [nodeId: string, values: readonly (readonly [key: Key, value: Value])[]])[] = [],
): Map<string, Map<Key, Value>> {
  return new Map(saved.map(([nodeId, values]) => [nodeId, new Map(values)]));
}
