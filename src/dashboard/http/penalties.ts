import { setTimeout as wait } from 'node:timers/promises';

/** Milliseconds between the answers to two wrong tokens of one client. */
const pause = 250;

/** Maximum number of wrong tokens of one client that wait for their answers. */
const mostHeld = 16;

interface Client {
  held: number;
  /** Time at which the last waiting token is answered, on the monotonic clock. */
  lastAt: number;
}

/**
 * Slows down guessing: wrong tokens of one client are answered one after another, however many arrive at once. A client
 * is forgotten after its last answer.
 */
export class Penalties {
  readonly #clients = new Map<string, Client>();

  /** Returns true if further tokens of this client must be refused for now. */
  isFull(address: string | undefined): boolean {
    return (this.#clients.get(keyOf(address))?.held ?? 0) >= mostHeld;
  }

  /** Waits until the wrong token may be answered. */
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

/**
 * The key of a client. For IPv6 this is the first half of the address, because one user usually owns the whole /64
 * network.
 */
function keyOf(address = ''): string {
  const [head = '', tail] = address.replace(/^::ffff:(?=[\d.]+$)/i, '').split('::', 2);
  if (!address.includes(':') || head.includes('.')) return head;
  const parts = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - parts.length - rest.length);
  return [...parts, ...Array.from({ length: zeros }, () => '0'), ...rest].slice(0, 4).join(':');
}
