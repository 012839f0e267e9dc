import { createHash, timingSafeEqual } from 'node:crypto';
import type { Client } from '../dashboard.js';
import { Penalties } from './penalties.js';
import { Refusal } from './refusal.js';
import { Tickets } from './tickets.js';

export interface GuardOptions {
  readonly token: string;
  readonly actions: boolean;
  readonly protectReads: boolean;
  readonly origins: readonly string[];
  /** Path that the dashboard is mounted at. */
  readonly basePath: string;
}

/** Headers for the answer to a request that was admitted. */
export type Admission = Readonly<Record<string, string>>;

/** Who may read, and who may change anything. */
export class Guard {
  readonly #token: Buffer;
  readonly #penalties = new Penalties();
  readonly #tickets: Tickets;

  constructor(private readonly options: GuardOptions) {
    this.#token = digest(options.token);
    this.#tickets = new Tickets(options.basePath);
  }

  /**
   * A page of another site would not get to see what it asks for, but could have it looked up again and again, and measure
   * how long that takes. Whoever follows a link is let in.
   *
   * @throws {Refusal}
   */
  async admitRead(request: Request, client: Client): Promise<Admission> {
    if (!isOfOwnPage(request) && request.headers.get('sec-fetch-mode') !== 'navigate') {
      throw new Refusal('forbidden', 'pages of other origins can read nothing here');
    }
    return this.options.protectReads ? this.#checkToken(request, client) : {};
  }

  /** @throws {Refusal} */
  async admitChange(request: Request, client: Client): Promise<Admission> {
    if (!this.options.actions) throw new Refusal('forbidden', 'nothing can be changed here: `actions` is false');
    this.#checkOrigin(request);
    return this.#checkToken(request, client);
  }

  /** A browser says which page has sent a request. What is no browser says nothing, and brings the token all the same. */
  #checkOrigin(request: Request): void {
    const origin = request.headers.get('origin');
    const isKnown = origin === null || origin === new URL(request.url).origin || this.options.origins.includes(origin);
    if (isKnown && isOfOwnPage(request)) return;
    throw new Refusal('forbidden', 'a request that changes something has to come from a page of the same origin');
  }

  /** Digests are compared, so that neither the length nor the beginning of the token can be found out. */
  async #checkToken(request: Request, { address }: Client): Promise<Admission> {
    const given = /^Bearer +(.*)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
    if (given === undefined) throw unauthorized('a token is needed: `authorization: Bearer …`');
    const hasTicket = this.#tickets.isIn(request);
    if (!hasTicket && this.#penalties.isFull(address)) {
      const headers = { 'retry-after': '1' };
      throw new Refusal('unavailable', 'too many wrong tokens come from this address: try again', {
        status: 429,
        headers,
      });
    }
    if (timingSafeEqual(digest(given), this.#token)) return hasTicket ? {} : { 'set-cookie': this.#tickets.issue() };
    await this.#penalties.serve(address);
    throw unauthorized('this is not the token');
  }
}

function unauthorized(message: string): Refusal {
  return new Refusal('unauthorized', message, { headers: { 'www-authenticate': 'Bearer' } });
}

/** What a browser says of the page that has sent a request; nothing else says anything. */
function isOfOwnPage({ headers }: Request): boolean {
  const site = headers.get('sec-fetch-site') ?? 'none';
  return site === 'same-origin' || site === 'none';
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
