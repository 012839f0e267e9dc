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
  /** Mount path of the dashboard. */
  readonly basePath: string;
}

/** Headers to add to the answer of an admitted request. */
export type Admission = Readonly<Record<string, string>>;

/** Decides which requests may read and which may change something. */
export class Guard {
  readonly #token: Buffer;
  readonly #penalties = new Penalties();
  readonly #tickets: Tickets;

  constructor(private readonly options: GuardOptions) {
    this.#token = digest(options.token);
    this.#tickets = new Tickets(options.basePath);
  }

  /**
   * Admits a request that reads. Pages of other sites could not see the answers, but could trigger expensive queries
   * and measure how long they take, so their requests are refused. Following a link is allowed.
   *
   * @throws {Refusal}
   */
  async admitRead(request: Request, client: Client): Promise<Admission> {
    if (!isOfOwnPage(request) && request.headers.get('sec-fetch-mode') !== 'navigate') {
      throw new Refusal('forbidden', 'pages of other origins cannot read from this dashboard');
    }
    return this.options.protectReads ? this.#checkToken(request, client) : {};
  }

  /** @throws {Refusal} */
  async admitChange(request: Request, client: Client): Promise<Admission> {
    if (!this.options.actions)
      throw new Refusal('forbidden', 'this dashboard is read-only: its `actions` option is false');
    this.#checkOrigin(request);
    return this.#checkToken(request, client);
  }

  /**
   * Refuses changes from pages of other origins. Clients that are not browsers send no origin, but still need the
   * token.
   */
  #checkOrigin(request: Request): void {
    const origin = request.headers.get('origin');
    const isKnown = origin === null || origin === new URL(request.url).origin || this.options.origins.includes(origin);
    if (isKnown && isOfOwnPage(request)) return;
    throw new Refusal(
      'forbidden',
      'changes must come from a page of the same origin: list the public origin in `origins`',
    );
  }

  /** Compares digests, so that the response time reveals neither the length nor the beginning of the token. */
  async #checkToken(request: Request, { address }: Client): Promise<Admission> {
    const given = /^Bearer +(.*)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
    if (given === undefined) throw unauthorized('a token is required: send `authorization: Bearer …`');
    const hasTicket = this.#tickets.isIn(request);
    if (!hasTicket && this.#penalties.isFull(address)) {
      const headers = { 'retry-after': '1' };
      throw new Refusal('unavailable', 'too many wrong tokens from this address: try again later', {
        status: 429,
        headers,
      });
    }
    if (timingSafeEqual(digest(given), this.#token)) return hasTicket ? {} : { 'set-cookie': this.#tickets.issue() };
    await this.#penalties.serve(address);
    throw unauthorized('the token is wrong');
  }
}

function unauthorized(message: string): Refusal {
  return new Refusal('unauthorized', message, { headers: { 'www-authenticate': 'Bearer' } });
}

/** Returns true if the dashboard's own page or the user sent the request. Only browsers send `sec-fetch-site`. */
function isOfOwnPage({ headers }: Request): boolean {
  const site = headers.get('sec-fetch-site') ?? 'none';
  return site === 'same-origin' || site === 'none';
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
