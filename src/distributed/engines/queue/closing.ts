import pTimeout from 'p-timeout';

/** How long to wait for connections that are closed, in milliseconds. */
export const farewell = 1_000;

/** Closes something of BullMQ's. Where there is no end to wait for, as when the server is away, its connections are cut. */
export async function closed(user: { disconnect(): Promise<unknown> }, close: () => Promise<void>): Promise<void> {
  const cut = () => void user.disconnect().catch(() => undefined);
  await pTimeout(close(), { milliseconds: farewell, fallback: cut });
}
