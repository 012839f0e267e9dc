import { OrchestratorError } from '../shared/errors.js';

/**
 * Thrown by `load`, `start` and `planOf` for a loop or a workflow with faults, such as a missing producer or an
 * undeclared queue. `faults` lists every fault, and the message contains all of them.
 */
export class LoopDefinitionError extends OrchestratorError {
  override readonly name = 'LoopDefinitionError';
  readonly code = 'ERR_LOOP_DEFINITION';

  constructor(readonly faults: readonly LoopFault[]) {
    super(faults.map(({ message }) => message).join('; '));
  }
}

/**
 * A fault of a workflow: a message, and the loop, node or queue that the message is about.
 * `WorkflowOrchestrator.warnings` uses the same shape for queues that several loops read without an explicit `type`.
 */
export interface LoopFault {
  /** Description of the fault, including the names involved. */
  readonly message: string;
  /** Id of the loop with the fault. */
  readonly loopId?: string | undefined;
  /** Id of the node with the fault. */
  readonly nodeId?: string | undefined;
  /** Name of the queue with the fault. */
  readonly queue?: string | undefined;
}

/**
 * Thrown for an unknown name: a loop that was not loaded, a queue that was not declared, or a dead letter that was
 * removed. `kind` and `id` say what was missing. For loops and queues the message lists the known names.
 */
export class NotFoundError extends OrchestratorError {
  override readonly name = 'NotFoundError';
  readonly code = 'ERR_NOT_FOUND';

  constructor(
    readonly kind: 'loop' | 'queue' | 'dead letter',
    readonly id: string,
    known?: readonly string[],
  ) {
    super(`there is no ${kind} "${id}"${known === undefined ? '' : `, only ${known.join(', ') || 'none'}`}`);
  }
}

/**
 * Thrown by a push to a full queue with the overflow policy `fail`. The message was not added. `queue` and `capacity`
 * describe the queue; a node that pushes fails with this error.
 */
export class QueueFullError extends OrchestratorError {
  override readonly name = 'QueueFullError';
  readonly code = 'ERR_QUEUE_FULL';

  constructor(
    readonly queue: string,
    readonly capacity: number,
  ) {
    super(`queue "${queue}" is full: it holds ${capacity} messages`);
  }
}

/**
 * Error of a dead letter whose message was delivered `maxDeliveries` times and never acknowledged, because the thread,
 * process or program that was handling it ended each time. `queue`, `messageId` and `limit` describe the message.
 */
export class DeliveryLimitError extends OrchestratorError {
  override readonly name = 'DeliveryLimitError';
  readonly code = 'ERR_DELIVERY_LIMIT';

  constructor(
    readonly queue: string,
    readonly messageId: number,
    readonly limit: number,
  ) {
    super(
      `message ${messageId} of queue "${queue}" was delivered ${limit} times and never acknowledged: it may have crashed its loop`,
    );
  }
}

/**
 * Failure of a non-blocking node with `overflow: 'fail'` when `maxInFlight` of its calls are already in flight. The
 * node is not called. `nodeId` and `limit` describe the node.
 */
export class InFlightError extends OrchestratorError {
  override readonly name = 'InFlightError';
  readonly code = 'ERR_IN_FLIGHT';

  constructor(
    readonly nodeId: string,
    readonly limit: number,
  ) {
    super(`node "${nodeId}" already has ${limit} calls in flight: raise maxInFlight or set overflow to block`);
  }
}

/**
 * Failure of a node that returned `to(target)` for a target without an edge from this node. `nodeId` is the node, and
 * `target` the missing successor. The message lists the existing successors.
 */
export class RouteError extends OrchestratorError {
  override readonly name = 'RouteError';
  readonly code = 'ERR_ROUTE';

  constructor(
    readonly nodeId: string,
    readonly target: string,
    known: readonly string[],
  ) {
    super(`node "${nodeId}" leads to ${known.join(', ') || 'no other node'}, not to "${target}"`);
  }
}

/**
 * Reports a thread or child process that ended unexpectedly, for example because it ran out of memory or was killed by
 * a signal. `how` contains the exit code or signal, and `cause` the uncaught error, if any. `onCrash` decides whether
 * the loop is restarted.
 */
export class LoopCrashError extends OrchestratorError {
  override readonly name = 'LoopCrashError';
  readonly code = 'ERR_LOOP_CRASH';

  constructor(
    readonly loopId: string,
    readonly how: string,
    options?: ErrorOptions,
  ) {
    super(`loop "${loopId}" crashed: ${how}`, options);
  }
}

/**
 * Thrown by `start` for a loop whose module cannot be imported, has no such export, or exports something other than a
 * `Loop`. `module` is the URL of the module, and `problem` says what is wrong.
 */
export class LoopModuleError extends OrchestratorError {
  override readonly name = 'LoopModuleError';
  readonly code = 'ERR_LOOP_MODULE';

  constructor(
    readonly module: string,
    readonly problem: string,
    options?: ErrorOptions,
  ) {
    super(`"${module}" ${problem}`, options);
  }
}

/**
 * Reports a store that is damaged, or that cannot be opened or written, for example because the disk is full.
 * `directory` is the directory of the store, and `cause` the system error.
 */
export class LoopStoreError extends OrchestratorError {
  override readonly name = 'LoopStoreError';
  readonly code = 'ERR_LOOP_STORE';

  constructor(
    readonly directory: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`the store "${directory}" ${problem}`, options);
  }
}

/**
 * Thrown when a call is not allowed in the current state of a loop or workflow, for example `pause` before `start`.
 * `state` is the current state, and the message ends with what to do instead. `loopId` is empty if the error concerns
 * the whole workflow.
 */
export class LoopStateError extends OrchestratorError {
  override readonly name = 'LoopStateError';
  readonly code = 'ERR_LOOP_STATE';

  constructor(
    readonly loopId: string,
    readonly state: string,
    expected: string,
  ) {
    super(`${loopId === '' ? 'the workflow' : `loop "${loopId}"`} is ${state}: ${expected}`);
  }
}
