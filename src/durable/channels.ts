import { channel } from 'node:diagnostics_channel';
import type { Carrier } from '../kernel/hooks/instrumentation.js';

/**
 * Message of the channel `orchestrator:task:replayed`, which is published when a run takes the outcome of a task from
 * its journal instead of executing the task. Hooks, middleware and spans see only what is executed.
 */
export interface TaskReplayedEvent {
  /** Id of the process. */
  readonly processId: string;
  /** Identity of the task in its run, such as `/map:charge#0[17] charge [NmKOvEMR2]#0`. */
  readonly identity: string;
  /** Name of the action. */
  readonly name: string;
  /** Arguments of the call in this life. */
  readonly args: readonly unknown[];
  /** Status of the task when it was executed. */
  readonly status: 'completed' | 'failed' | 'cancelled';
}

/** Publishes `TaskReplayedEvent`s. */
export const replayedChannel = channel('orchestrator:task:replayed');

/**
 * Message of the channel `orchestrator:life:begin`, which is published when the function of a run is about to be called,
 * in the context of its process.
 */
export interface LifeBeginEvent {
  /** Id of the run, which is that of its process. */
  readonly runId: string;
  /** Number of the life, from 1. */
  readonly life: number;
  /** Trace context of the life before. `undefined` for the first life, and if that life was not traced. */
  readonly former: Carrier | undefined;
}

/** Publishes `LifeBeginEvent`s. */
export const lifeChannel = channel('orchestrator:life:begin');
