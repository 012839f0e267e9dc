import { OrchestratorError } from '../shared/errors.js';

/** A workflow of loops has faults; all of them are listed. */
export class LoopDefinitionError extends OrchestratorError {
  override readonly name = 'LoopDefinitionError';
  readonly code = 'ERR_LOOP_DEFINITION';

  constructor(readonly faults: readonly LoopFault[]) {
    super(faults.map(({ message }) => message).join('; '));
  }
}

/** One thing that is wrong with a workflow, and where. */
export interface LoopFault {
  readonly message: string;
  readonly loopId?: string | undefined;
  readonly nodeId?: string | undefined;
  readonly queue?: string | undefined;
}

/** There is no loop, queue or dead letter with this name. */
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

/** A queue with the overflow policy `fail` has no room. */
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

/** A message was delivered as often as its queue allows, and was never acknowledged. */
export class DeliveryLimitError extends OrchestratorError {
  override readonly name = 'DeliveryLimitError';
  readonly code = 'ERR_DELIVERY_LIMIT';

  constructor(
    readonly queue: string,
    readonly messageId: number,
    readonly limit: number,
  ) {
    super(
      `message ${messageId} of queue "${queue}" was delivered ${limit} times and never acknowledged: it may be what its loop died of`,
    );
  }
}

/** A non-blocking node with `overflow: 'fail'` has as many calls under way as it may. */
export class InFlightError extends OrchestratorError {
  override readonly name = 'InFlightError';
  readonly code = 'ERR_IN_FLIGHT';

  constructor(
    readonly nodeId: string,
    readonly limit: number,
  ) {
    super(`node "${nodeId}" has ${limit} calls under way, as many as it may`);
  }
}

/** A node has chosen a successor that it does not have. */
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

/** What a loop lives in, a thread or a child process, has ended by itself. */
export class LoopCrashError extends OrchestratorError {
  override readonly name = 'LoopCrashError';
  readonly code = 'ERR_LOOP_CRASH';

  constructor(
    readonly loopId: string,
    readonly how: string,
    options?: ErrorOptions,
  ) {
    super(`loop "${loopId}" is lost: ${how}`, options);
  }
}

/** A module that a loop is to be loaded from cannot be loaded, or holds no loop. */
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

/** What a workflow keeps cannot be read or written. */
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

/** A loop cannot do what is asked of it as it stands: it is over, or has not been started. */
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
