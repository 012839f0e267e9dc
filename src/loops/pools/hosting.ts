import { LoopManager } from '../manager/loop-manager.js';
import { type LoopPlan, planOf } from '../plan.js';
import { toWire, type WireError } from '../wire.js';
import { protocol } from './protocol.js';
import { RemoteHost, type RemoteHostOptions } from './remote-host.js';

/**
 * The code that executes a loop. A bundled program contains one copy of this package, and the module of a loop may
 * contain another. A loop is executed by the copy that created the loop, because its nodes and their results are
 * instances of that copy's classes.
 */
export interface Hosting {
  /** Version of the messages between a thread or process and its orchestrator. */
  readonly protocol: number;
  readonly LoopManager: typeof LoopManager;
  readonly planOf: typeof planOf;
  readonly toWire: (thrown: unknown, subject: string) => WireError;
  readonly hostOf: (plan: LoopPlan, options: RemoteHostOptions) => RemoteHost;
}

/** The property of a loop that holds its `Hosting`. All copies of this package use the same symbol. */
export const hosting: unique symbol = Symbol.for('orchestrator.loops.hosting') as never;

export const ownHosting: Hosting = {
  protocol,
  LoopManager,
  planOf,
  toWire,
  hostOf: (plan, options) => new RemoteHost(plan, options),
};
