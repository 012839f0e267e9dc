/**
 * What stands for a loop, from its words to its work; no other noun does:
 *
 * - written: a `Loop` in code, a `LoopDefinition` as data (its settings apart: `LoopSettings`), or a `ModuleLoop`, which says
 *   where a loop is found that is put together elsewhere;
 * - placed: a `PlacedLoop` is a definition or a module with its `Placement`, the pool that the loop lives in; a `LoadedLoop` is
 *   what `load` takes: all of these;
 * - put together: a `LoopSource` is a definition with its implementations, before it is checked, and the `LoopRuntime` that the
 *   loop is carried out with; a `LoopPlan` is a source that was checked; a `LoopShape` is what other loops have to know of a
 *   plan: what it reads and pushes to;
 * - alive: a `Supervisor` has one loop over all its lives; a `Life` is one of them, from the making of its thread or process to
 *   its end; a `PooledLoop` is the loop of one life as its pool has it (`AsyncLoop`, `RemoteLoop`); a `LoopManager` drives that
 *   loop, where it lives;
 * - around it: a `LoopHost` is what a loop knows of the world. It is a `WorkflowHost`, the `Life` before that, and, in a thread
 *   or a process, the `RemoteHost` on its side of the border. `Hosting` is the copy of this package that carries a loop out;
 * - told of it: `LoopEvent`, as it happens; `LoopState`, as it stands; `LoopReport`, what it has done in one life;
 *   `LoopMetrics`, in all of them; `LoopEnd`, how a life has ended; `StopReport`, how the loop has.
 */

import type { Orchestrator } from '../kernel/orchestrator.js';
import type { RetryOptions } from '../kernel/retry.js';
import type { LoopNodeClass, LoopNodeFunction } from './node.js';

/** What a node is for, and so how a loop waits for it. */
export type NodeKind = 'producer' | 'blocking' | 'non-blocking' | 'queue' | 'reader';

/** Where a loop lives: on the event loop, in a worker thread, in a child process. */
export type PoolType = 'async' | 'thread' | 'process';

/**
 * What is done when a node fails. `continue`: the iteration ends here, the next one starts. `pause`: so does the loop,
 * until it is resumed. `stop`: the loop stops with an error. `restart`: it starts again with new node objects.
 */
export type ErrorAction = 'continue' | 'pause' | 'stop' | 'restart';

export interface RestartPolicy {
  readonly action: 'restart';
  /** How many restarts there may be within the window; one more stops the loop with an error. Default: 10. */
  readonly limit?: number | undefined;
  /** The window, in milliseconds. Default: 60000. */
  readonly within?: number | undefined;
  /** Milliseconds before the first restart; twice as many before each that follows within the window. Default: 100. */
  readonly backoff?: number | undefined;
  /** The most milliseconds before a restart. Default: 10000. */
  readonly maxBackoff?: number | undefined;
}

export type ErrorPolicy = ErrorAction | RestartPolicy;

/** What is done about ticks that pass while an iteration is under way. */
export type MissedTicks =
  /** They are passed over; the next iteration starts at the next tick. */
  | 'skip'
  /** Each is made up for at once, up to a hundred. */
  | 'catch-up'
  /** There are none: the interval begins when an iteration ends. */
  | 'delay';

/** When iterations start. */
export interface Schedule {
  /** Milliseconds from one tick to the next, the first at the start. */
  readonly every?: number | undefined;
  /** A cron expression, of five fields or six with seconds first. Needs the package `croner`. */
  readonly cron?: string | undefined;
  /** The time zone of the cron expression, as `Europe/Paris`. Default: that of the machine. */
  readonly timezone?: string | undefined;
  /** Default: `skip`. `delay` is for `every` only. */
  readonly missed?: MissedTicks | undefined;
}

/**
 * What is done when a non-blocking node is reached that has as many calls under way as it may. `block`: the loop waits until one
 * has ended. `drop-newest`: the node is not called this time, and that is counted. `fail`: the node fails.
 */
export type NodeOverflow = Exclude<Overflow, 'drop-oldest'>;

/** @deprecated Words for `NodeOverflow` of before: `wait` is `block`, `drop` is `drop-newest`. */
export type WhenFull = 'wait' | 'drop' | 'fail';

/** A node as data. */
export interface LoopNodeDefinition {
  readonly id: string;
  readonly kind?: NodeKind | undefined;
  /** What the registry calls the implementation. Not needed for `queue` and `reader`. */
  readonly uses?: string | undefined;
  /** What the node is given in its `LoopNodeConfig`. For `queue` and `reader`: the name of the queue, and `batch`. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  /** How often a failed call is repeated, or p-retry's options; `null` for not at all. Default: that of the orchestrator. */
  readonly retry?: number | RetryOptions | null | undefined;
  /** Limit of each attempt, in milliseconds; `null` or 0 for none. Default: that of the orchestrator. */
  readonly timeout?: number | null | undefined;
  /** With `none`, only `retry` and `timeout` here hold, and no default of the orchestrator or of the action. Default: they hold. */
  readonly policies?: 'none' | undefined;
  /** Default: that of the loop. */
  readonly onError?: ErrorPolicy | undefined;
  /** How many calls of a non-blocking node may be under way. Default: 100. */
  readonly maxInFlight?: number | undefined;
  /** What is done when so many are under way. Default: `block`. */
  readonly overflow?: NodeOverflow | undefined;
  /** @deprecated Another name of `overflow`: `wait` is `block`, `drop` is `drop-newest`. */
  readonly whenFull?: WhenFull | undefined;
}

/** One node follows another. */
export interface LoopEdgeDefinition {
  /** Id of the node that comes before. */
  readonly source: string;
  /** Id of the node that follows. */
  readonly target: string;
}

/** @deprecated Since 0.9: a `LoopEdgeDefinition` of before, whose `source` is `from` and whose `target` is `to`. */
export interface FormerLoopEdge {
  readonly from: string;
  readonly to: string;
}

/** How a loop goes, besides its nodes. */
export interface LoopSettings {
  /** Default: as fast as possible. A number is `every`. */
  readonly schedule?: number | Schedule | undefined;
  /** What is done when a node fails that does not say itself. Default: `continue`. */
  readonly onError?: ErrorPolicy | undefined;
  /** Milliseconds before a producer that has failed is asked again; twice as many each time it fails again, up to a hundred times as many. Default: 100. */
  readonly producerBackoff?: number | undefined;
}

/** A loop as data. */
export interface LoopDefinition extends LoopSettings {
  readonly id: string;
  readonly nodes: readonly LoopNodeDefinition[];
  /** Which node follows which. Default: each follows the one before it. */
  readonly edges?: readonly (LoopEdgeDefinition | FormerLoopEdge)[] | undefined;
}

/** What is done when a queue is full. */
export type Overflow =
  /** Whoever pushes waits for room. */
  | 'block'
  /** The oldest message that nobody has makes room. */
  | 'drop-oldest'
  /** The new one is dropped. */
  | 'drop-newest'
  /** Whoever pushes fails with a `QueueFullError`. */
  | 'fail';

/** A queue as data. */
export interface QueueDefinition {
  /** How many messages it holds at most, delivered and not acknowledged ones included. Default: 1000. */
  readonly capacity?: number | undefined;
  /** Default: `block`. */
  readonly overflow?: Overflow | undefined;
  /**
   * How often a message is delivered at most. One that was delivered so often, and never acknowledged, becomes a dead letter
   * with a `DeliveryLimitError`: it has ended, each time, the thread, process or program that had it. Default: without limit.
   */
  readonly maxDeliveries?: number | undefined;
  /**
   * `queue`: each message goes to one of the loops that read it, which share the work. `topic`: each goes to every loop that
   * reads it. Default: `queue`, with a warning where several read it.
   */
  readonly type?: 'queue' | 'topic' | undefined;
}

/** Where a loop is found that lives in a thread or a process: there, not here, is it put together. */
export interface ModuleLoop {
  readonly id: string;
  /** A file URL, or a path from the working directory. */
  readonly module: string | URL;
  /** What the module exports: a `Loop`, or a function that gives one for `options`. Default: `default`. */
  readonly export?: string | undefined;
  /** What the function is called with. It is cloned on its way. */
  readonly options?: unknown;
}

/** Where a loop of a workflow lives. */
export interface Placement {
  /** Default: `async`. */
  readonly pool?: PoolType | undefined;
  /** Limits of a thread, as those of `new Worker`: `maxOldGenerationSizeMb`, `maxYoungGenerationSizeMb`, `codeRangeSizeMb`, `stackSizeMb`. */
  readonly resourceLimits?: Readonly<Record<string, number>> | undefined;
  /** What is done when its thread or process ends by itself. Default: `restart`. */
  readonly onCrash?: 'stop' | 'restart' | RestartPolicy | undefined;
}

/** A loop of a workflow as data: put together here, or in a module. */
export type PlacedLoop = Placement & (LoopDefinition | ModuleLoop);

/** If true, the loop is put together in a module. */
export function isModuleLoop(placed: PlacedLoop): placed is Placement & ModuleLoop {
  return 'module' in placed;
}

/** Loops, and the queues between them, as data. */
export interface WorkflowDefinition {
  readonly queues?: Readonly<Record<string, QueueDefinition>> | undefined;
  readonly loops: readonly PlacedLoop[];
}

/** What implements a node: a class, a plain function, or an action. */
export type Implementation = LoopNodeClass | LoopNodeFunction<never, unknown>;

/** Implementations by the names under which definitions use them. */
export type LoopRegistry = Readonly<Record<string, Implementation>>;

/** What a loop is carried out with. */
export interface LoopRuntime {
  readonly registry?: LoopRegistry | undefined;
  /** Whose hooks, middleware and policies its nodes have: each call is a task in a process. Default: a new one. */
  // biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of its state
  readonly orchestrator?: Orchestrator<any> | undefined;
}

/** A loop before it is checked. */
export interface LoopSource extends LoopRuntime {
  readonly definition: LoopDefinition;
  /** By node. Those that are not here are looked up in the registry. */
  readonly implementations: ReadonlyMap<string, Implementation>;
}
