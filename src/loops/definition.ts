/**
 * Types that describe a loop, from its definition to its execution. Each stage has its own noun:
 *
 * - Written: a `Loop` in code, a `LoopDefinition` as data (`LoopSettings` without its nodes), or a `ModuleLoop`, which
 *   names the module that builds the loop.
 * - Placed: a `PlacedLoop` is a definition or a module together with its `Placement`, the pool that the loop lives in.
 *   A `LoadedLoop` is any form that `load` accepts.
 * - Built: a `LoopSource` is a definition with its implementations and its `LoopRuntime`, before any check. A
 *   `LoopPlan` is a checked source. A `LoopShape` is the part of a plan that other loops need: the queues that the loop
 *   reads and pushes to.
 * - Running: a `Supervisor` owns one loop over all its lives. A `Life` is one execution, from the creation of the
 *   thread or process to its end. A `PooledLoop` is the interface of a pool to the loop of one life (`AsyncLoop`,
 *   `RemoteLoop`). A `LoopManager` drives that loop in the thread or process that the loop lives in.
 * - Surroundings: a `LoopHost` gives a loop its queues, its cursor and a receiver of its events. A `WorkflowHost`
 *   serves all lives of a loop, a `Life` wraps the `WorkflowHost` for one life, and a `RemoteHost` stands in for both
 *   inside a thread or process. `Hosting` is the copy of this package that executes a loop.
 * - Reports: a `LoopEvent` is one event of a loop, `LoopState` its current state, `LoopReport` the figures of one life,
 *   `LoopMetrics` the figures of all lives, `LoopEnd` the end of a life, and `StopReport` the end of the loop.
 */

import type { Orchestrator } from '../kernel/orchestrator.js';
import type { Limit, LimitOption } from '../kernel/policies/limit.js';
import type { Policy } from '../kernel/policies/policy.js';
import type { RetryOptions } from '../kernel/policies/retry.js';
import type { TimeoutOptions } from '../kernel/policies/timeout.js';
import type { JsonSchema } from '../shared/json-schema.js';
import type { StandardSchema } from '../shared/standard-schema.js';
import type { LoopNodeClass, LoopNodeFunction } from './node.js';

/**
 * The role of a node, which decides how its loop waits for the node. A `producer` or `reader` starts iterations,
 * `blocking` nodes are awaited, `non-blocking` nodes are not awaited, and a `queue` node pushes its input to a queue.
 */
export type NodeKind = 'producer' | 'blocking' | 'non-blocking' | 'queue' | 'reader';

/**
 * The pool that a loop lives in: `async` on the event loop of the program, `thread` in a worker thread, `process` in a
 * child process. Use `thread` for loops that compute and `process` for native code that may crash.
 */
export type PoolType = 'async' | 'thread' | 'process';

/**
 * Reaction of a loop to a failed node. `continue`: the next iteration starts. `pause`: the loop pauses until `resume`.
 * `stop`: the loop ends in the state `error`. `restart`: the loop starts again with new node objects.
 */
export type ErrorAction = 'continue' | 'pause' | 'stop' | 'restart';

/**
 * Restarts a loop with exponential back-off, up to a limit of restarts within a time window. Used for failed nodes
 * (`onError`) and for crashed threads and processes (`onCrash`).
 */
export interface RestartPolicy {
  /** Distinguishes the policy from the plain actions. */
  readonly action: 'restart';
  /**
   * Maximum number of restarts within the window. A loop that would exceed the limit ends with an error. Default: 10.
   */
  readonly limit?: number | undefined;
  /** Length of the window in milliseconds. Default: 60000. */
  readonly within?: number | undefined;
  /**
   * Milliseconds before the first restart. The delay doubles with each further restart within the window. Default: 100.
   */
  readonly backoff?: number | undefined;
  /** Maximum delay before a restart, in milliseconds. Default: 10000. */
  readonly maxBackoff?: number | undefined;
}

/**
 * Reaction to a failed node: an `ErrorAction`, or a `RestartPolicy` with limits of its own. The plain action
 * `'restart'` uses the defaults of `RestartPolicy`.
 */
export type ErrorPolicy = ErrorAction | RestartPolicy;

/**
 * Handling of ticks that become due while an iteration is still running. Skipped ticks count as `missedTicks` in the
 * metrics of the loop.
 */
export type MissedTicks =
  /** Skips missed ticks. The next iteration starts at the next tick. */
  | 'skip'
  /** Starts an iteration at once for each missed tick, for at most 100 of them. */
  | 'catch-up'
  /** Measures the interval from the end of an iteration, so that no tick can be missed. */
  | 'delay';

/**
 * The times at which iterations start: a fixed interval (`every`) or a cron expression (`cron`). Exactly one of the two
 * is required.
 */
export interface Schedule {
  /** Milliseconds between ticks, above 0. The first tick is at the start of the loop. */
  readonly every?: number | undefined;
  /** A cron expression with five fields, or with six if seconds come first. Needs the package `croner`. */
  readonly cron?: string | undefined;
  /** The time zone of the cron expression, for example `Europe/Paris`. Default: the time zone of the machine. */
  readonly timezone?: string | undefined;
  /** Handling of missed ticks. `delay` requires `every`. Default: `skip`. */
  readonly missed?: MissedTicks | undefined;
}

/**
 * Reaction to a non-blocking node that already has `maxInFlight` calls in flight. `block`: the loop waits until a call
 * has ended. `drop-newest`: the loop skips the call and counts it as dropped. `fail`: the node fails with an
 * `InFlightError`.
 */
export type NodeOverflow = Exclude<Overflow, 'drop-oldest'>;

/**
 * Former names of the `NodeOverflow` values: `wait` is now `block`, and `drop` is now `drop-newest`. `fail` is
 * unchanged.
 *
 * @deprecated Use `NodeOverflow`.
 */
export type WhenFull = 'wait' | 'drop' | 'fail';

/** Time limits of a node, in milliseconds, as of an action: of each attempt, and of all attempts together. */
export type LoopTimeout = Pick<TimeoutOptions, 'attempt' | 'total'>;

/**
 * A node of a loop as plain data that can be written as JSON. The implementation is named by `uses` and looked up in
 * the registry of the loop or orchestrator.
 */
export interface LoopNodeDefinition {
  /** Name of the node, unique within its loop. */
  readonly id: string;
  /** Role of the node. Default: taken from the class of the implementation; required for functions. */
  readonly kind?: NodeKind | undefined;
  /** Name of the implementation in the registry. `queue` and `reader` nodes do not need an implementation. */
  readonly uses?: string | undefined;
  /**
   * Options that the node receives in its `LoopNodeConfig`. For `queue` and `reader` nodes: `queue`, the name of the
   * queue, and for readers `batch`.
   */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Number of retries after a failed call, or options of p-retry. `null` turns retries off. Default: the retries of the
   * orchestrator.
   */
  readonly retry?: number | RetryOptions | null | undefined;
  /**
   * Time limit of each attempt, in milliseconds, or the limits of each attempt and of all attempts together. `null` or 0
   * turns the limits off. Default: the timeout of the orchestrator.
   */
  readonly timeout?: number | LoopTimeout | null | undefined;
  /**
   * Executes each attempt: a policy, such as a circuit breaker, or a list of policies, the outermost first. Not for
   * definitions as JSON. `null` turns a default off. Default: the policies of the orchestrator.
   */
  readonly policy?: Policy | readonly Policy[] | null | undefined;
  /**
   * Limit of how many attempts run at once or start in a time: options for a limit of this node, a `limit()` that nodes
   * and actions share, or the name of one in the registry. `null` turns the limit off. Default: the limit of the
   * orchestrator.
   */
  readonly limit?: LimitOption<[value: never, data: never]> | string | null | undefined;
  /**
   * If `none`, only the `retry`, `timeout`, `policy` and `limit` given here apply. Default: missing values come from the
   * action or the orchestrator.
   */
  readonly policies?: 'none' | undefined;
  /** Reaction to a failure of this node. Default: `onError` of the loop. */
  readonly onError?: ErrorPolicy | undefined;
  /** Maximum number of calls in flight, for non-blocking nodes. Default: 100. */
  readonly maxInFlight?: number | undefined;
  /** Reaction to a call when `maxInFlight` calls are already in flight. Default: `block`. */
  readonly overflow?: NodeOverflow | undefined;
  /** @deprecated Use `overflow`: `wait` is now `block`, and `drop` is now `drop-newest`. */
  readonly whenFull?: WhenFull | undefined;
}

/**
 * An edge of a loop: the node `target` receives the output of the node `source`. In a loop with edges, only these edges
 * connect nodes, and the order in which the nodes were added is ignored.
 */
export interface LoopEdgeDefinition {
  /** Id of the node that produces the value. */
  readonly source: string;
  /** Id of the node that receives the value. */
  readonly target: string;
}

/**
 * Former shape of an edge: `from` is now `source`, and `to` is now `target`. Definitions may still contain such edges.
 *
 * @deprecated Since 0.9. Use `LoopEdgeDefinition`.
 */
export interface FormerLoopEdge {
  readonly from: string;
  readonly to: string;
}

/**
 * Settings of a loop: schedule, reaction to failed nodes, and back-off of a failing producer. All are optional. Part of
 * `LoopOptions` and `LoopDefinition`.
 */
export interface LoopSettings {
  /**
   * The times at which iterations start. A number is short for `{ every: number }`, in milliseconds. Default: as fast
   * as possible.
   */
  readonly schedule?: number | Schedule | undefined;
  /** Reaction to failures of nodes without an `onError` of their own. Default: `continue`. */
  readonly onError?: ErrorPolicy | undefined;
  /**
   * Milliseconds before a failed producer is called again. The delay doubles with each further failure, up to 100 times
   * the first delay. Default: 100.
   */
  readonly producerBackoff?: number | undefined;
}

/**
 * A loop as plain data that can be written as JSON. The functions and classes of its nodes come from a registry.
 * `loop.toDefinition()` creates the data from a loop that was written in code.
 */
export interface LoopDefinition extends LoopSettings {
  /** Name of the loop, unique within its workflow. */
  readonly id: string;
  /** Nodes of the loop. Exactly one must be a producer or a reader. */
  readonly nodes: readonly LoopNodeDefinition[];
  /** Edges between nodes. Default: each node follows the node before it in `nodes`. */
  readonly edges?: readonly (LoopEdgeDefinition | FormerLoopEdge)[] | undefined;
}

/** Reaction of a full queue to another push. The same policy applies to pushes while the store cannot be written. */
export type Overflow =
  /** The push waits for room. */
  | 'block'
  /** The oldest message that no loop has taken is dropped. */
  | 'drop-oldest'
  /** The new message is dropped. */
  | 'drop-newest'
  /** The push fails with a `QueueFullError`. */
  | 'fail';

/**
 * A queue between loops as plain data: capacity, reaction to a full queue, limit of deliveries, and distribution of
 * messages to several readers. All fields are optional.
 */
export interface QueueDefinition {
  /**
   * Maximum number of messages in the queue, including messages that a loop has taken but not yet acknowledged.
   * Default: 1000.
   */
  readonly capacity?: number | undefined;
  /** Reaction to a push when the queue is full. Default: `block`. */
  readonly overflow?: Overflow | undefined;
  /**
   * Maximum number of deliveries of a message. A message is delivered again if the thread, process or program that was
   * handling it ends. A message that would exceed the limit becomes a dead letter with a `DeliveryLimitError` instead.
   * Default: no limit.
   */
  readonly maxDeliveries?: number | undefined;
  /**
   * `queue`: each message goes to one of the loops that read the queue. `topic`: each message goes to every loop that
   * reads the queue. Default: `queue`, with a warning if several loops read the queue.
   */
  readonly type?: 'queue' | 'topic' | undefined;
  /**
   * Schema of the messages that are pushed from outside of loops: of any library that implements Standard Schema, or a
   * JSON Schema as plain data. A value that the schema refuses is not pushed. Default: every value is accepted.
   */
  readonly schema?: StandardSchema | JsonSchema | undefined;
}

/**
 * Reference to a loop in a module. Threads and processes load the module and build the loop there, because functions
 * cannot be sent to them. On the pool `async` the program itself loads the module.
 */
export interface ModuleLoop {
  /** Name of the loop, unique within its workflow. Replaces the id that the module gives the loop. */
  readonly id: string;
  /** The module: a file URL, or a path relative to the working directory. */
  readonly module: string | URL;
  /**
   * Name of the export: a `Loop`, or a function that returns a `Loop` for `options`, sync or async. Default: `default`.
   */
  readonly export?: string | undefined;
  /** Argument of the exported function. Sent to threads and processes by structured clone. */
  readonly options?: unknown;
}

/**
 * The pool of a loop, with the limits of its thread and the reaction to a crash. Without a placement, a loop lives on
 * the event loop of the program.
 */
export interface Placement {
  /** The pool that the loop lives in. Default: `async`. */
  readonly pool?: PoolType | undefined;
  /**
   * Limits of the thread, as in `new Worker`: `maxOldGenerationSizeMb`, `maxYoungGenerationSizeMb`, `codeRangeSizeMb`,
   * `stackSizeMb`. For the pool `thread` only. Default: the limits of Node.
   */
  readonly resourceLimits?: Readonly<Record<string, number>> | undefined;
  /**
   * Reaction to a thread or process that ends unexpectedly. Default: `restart`, with the defaults of `RestartPolicy`.
   */
  readonly onCrash?: 'stop' | 'restart' | RestartPolicy | undefined;
}

/**
 * A loop of a workflow as data, together with its pool: either a `LoopDefinition`, which is built in this program, or a
 * `ModuleLoop`. Loops in threads and processes must be a `ModuleLoop`.
 */
export type PlacedLoop = Placement & (LoopDefinition | ModuleLoop);

/** Returns true if the loop is defined by a module. */
export function isModuleLoop(placed: PlacedLoop): placed is Placement & ModuleLoop {
  return 'module' in placed;
}

/**
 * A workflow as plain data that can be written as JSON: loops, and the queues between them. Pass the data to
 * `WorkflowOrchestrator.load`, with a registry for the implementations of nodes.
 */
export interface WorkflowDefinition {
  /** Queues by name. Default: none. */
  readonly queues?: Readonly<Record<string, QueueDefinition>> | undefined;
  /** Loops, each with a unique id. */
  readonly loops: readonly PlacedLoop[];
}

/**
 * Implementation of a node: a class that extends `BaseNode`, a plain function, or an action. Actions of the loop's
 * orchestrator keep their own retry and timeout as defaults.
 */
export type Implementation = LoopNodeClass | LoopNodeFunction<never, unknown>;

/**
 * Implementations of nodes, and limits, by name. A node that is defined as data refers to its implementation with
 * `uses`, and to a limit with `limit`. The registry of a loop takes precedence over that of the `WorkflowOrchestrator`.
 */
export type LoopRegistry = Readonly<Record<string, Implementation | Limit>>;

/**
 * The code that a loop needs besides its definition: implementations of nodes, and the orchestrator that calls them.
 * Part of `LoopOptions`.
 */
export interface LoopRuntime {
  /** Implementations of nodes by name. Default: none. */
  readonly registry?: LoopRegistry | undefined;
  /**
   * Orchestrator whose hooks, middleware and policies apply to the nodes. Each call of a node is a task in the process
   * of the loop. Default: the orchestrator of the `WorkflowOrchestrator` for loops on its event loop, otherwise a new
   * orchestrator.
   */
  // biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of its state
  readonly orchestrator?: Orchestrator<any> | undefined;
}

/** A loop with its implementations, before it is checked by `planOf`. */
export interface LoopSource extends LoopRuntime {
  readonly definition: LoopDefinition;
  /** Implementations by node id. Nodes that are missing here are looked up in the registry. */
  readonly implementations: ReadonlyMap<string, Implementation>;
}
