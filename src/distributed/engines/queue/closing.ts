import pTimeout from 'p-timeout';

/** Milliseconds to wait for connections to close. */
export const farewell = 1_000;

/**
 * Closes a BullMQ object. If closing takes too long, for example because the server is unreachable, cuts its
 * connections.
 */
export async function closed(user: { disconnect(): Promise<unknown> }, close: () => Promise<void>): Promise<void> {
  const cut = () => void user.disconnect().catch(() => undefined);
  await pTimeout(close(), { milliseconds: farewell, fallback: cut });
}
