import { setTimeout as wait } from 'node:timers/promises';

/** Milliseconds between the answers to two wrong tokens of one client. */
const pause = 250;

/** How many wrong tokens of one client wait for their answers. */
const mostHeld = 16;

interface Client {
  held: number;
  /** When the last of them is answered, on the monotonic clock. */
  lastAt: number;
}

/**
 * Makes guessing slow: wrong tokens of one client are answered one after another, however many come at the same time. What
 * is remembered of a client is forgotten with its last answer.
 */
export class Penalties {
  readonly #clients = new Map<string, Client>();

  /** Whether no more tokens of this client are to be looked at for now. */
  isFull(address: string | undefined): boolean {
    return (this.#clients.get(keyOf(address))?.held ?? 0) >= mostHeld;
  }

  /** Waits until a wrong token is to be answered. */
  async serve(address: string | undefined): Promise<void> {
    const key = keyOf(address);
    const now = performance.now();
    const client = this.#clients.get(key) ?? { held: 0, lastAt: now };
    this.#clients.set(key, client);
    client.held++;
    client.lastAt += pause;
    await wait(client.lastAt - now, undefined, { ref: false });
    if (--client.held === 0) this.#clients.delete(key);
  }
}

/** Whoever has one address of IPv6 usually has all that share its first half. */
function keyOf(address = ''): string {
  const [head = '', tail] = address.replace(/^::ffff:(?=[\d.]+$)/i, '').split('::', 2);
  if (!address.includes(':') || head.includes('.')) return head;
  const parts = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - parts.length - rest.length);
  return [...parts, ...Array.from({ length: zeros }, () => '0'), ...rest].slice(0, 4).join(':');
}
