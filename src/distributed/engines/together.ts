import { isForGood } from '../errors.js';

/**
 * Sends calls in one go. Where the engine refuses that for what one of them holds, finds that one by halves, one half after
 * the other, so that it takes no other along. What the engine could not do now it could not do for any of them.
 *
 * @param send - settles the calls that it is given, or rejects
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

/** What `sendTogether` does with calls that could not be sent in one go. */
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
