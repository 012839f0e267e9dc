import { LoopManager } from '../manager/loop-manager.js';
import { type LoopPlan, planOf } from '../plan.js';
import { toWire, type WireError } from '../wire.js';
import { protocol } from './protocol.js';
import { RemoteHost, type RemoteHostOptions } from './remote-host.js';

/**
 * What carries a loop out. A program that is bundled has a copy of this package, and the module of a loop has another: a loop
 * is carried out by the copy that it is made with, since nodes and what they return are instances of its classes.
 */
export interface Hosting {
  /** What a thread or process and its orchestrator say to each other. */
  readonly protocol: number;
  readonly LoopManager: typeof LoopManager;
  readonly planOf: typeof planOf;
  readonly toWire: (thrown: unknown, subject: string) => WireError;
  readonly hostOf: (plan: LoopPlan, options: RemoteHostOptions) => RemoteHost;
}

/** The property under which a loop has it: the same in all copies. */
export const hosting: unique symbol = Symbol.for('orchestrator.loops.hosting') as never;

export const ownHosting: Hosting = {
  protocol,
  LoopManager,
  planOf,
  toWire,
  hostOf: (plan, options) => new RemoteHost(plan, options),
};
