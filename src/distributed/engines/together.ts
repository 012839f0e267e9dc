import { isForGood } from '../errors.js';

/**
 * Sends calls in one batch. If the engine refuses the batch because of the content of a call, splits the batch into
 * halves and sends one after the other, until only the faulty calls are refused. Any other failure rejects all calls,
 * because it would affect each of them.
 *
 * @param send - settles the given calls, or rejects
 * @param refuse - settles a call that was not sent
 */
export async function sendTogether<Call>(
  calls: readonly Call[],
  send: (calls: readonly Call[]) => Promise<void>,
  refuse: (call: Call, error: unknown) => void,
): Promise<void> {
  try {
    await send(calls);
  } catch (error) {
    await sendInParts(calls, error, send, refuse);
  }
}

/** Handles a batch that could not be sent. Splits the batch, or refuses all of its calls. */
export async function sendInParts<Call>(
  calls: readonly Call[],
  error: unknown,
  send: (calls: readonly Call[]) => Promise<void>,
  refuse: (call: Call, error: unknown) => void,
): Promise<void> {
  if (calls.length <= 1 || !isForGood(error)) {
    for (const call of calls) refuse(call, error);
    return;
  }
  const middle = Math.ceil(calls.length / 2);
  await sendTogether(calls.slice(0, middle), send, refuse);
  await sendTogether(calls.slice(middle), send, refuse);
}
