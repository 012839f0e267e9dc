import { markAsOurs } from './errors.js';

/**
 * Thrown if a value, for example a function or a socket, cannot be saved in a checkpoint. `path` is the path of the
 * value, such as `order.items[0]`, and `problem` is the reason.
 */
export class SerializationError extends TypeError {
  override readonly name = 'SerializationError';
  readonly code = 'ERR_SERIALIZATION';

  constructor(
    readonly path: string,
    readonly problem: string,
    options?: ErrorOptions,
  ) {
    super(`${path || 'the value'} ${problem}`, options);
  }
}

markAsOurs(SerializationError);
