import { createHash, timingSafeEqual } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Refusal } from './refusal.js';

export interface GuardOptions {
  readonly token: string;
  readonly actions: boolean;
  readonly protectReads: boolean;
  readonly origins: readonly string[];
}

/** How long whoever brings a wrong token waits for the answer, in milliseconds: guessing is slow. */
const penalty = 250;

/** Who may read, and who may change anything. */
export class Guard {
  readonly #token: Buffer;

  constructor(private readonly options: GuardOptions) {
    this.#token = digest(options.token);
  }

  /**
   * A page of another site would not get to see what it asks for, but could have it looked up again and again, and measure
   * how long that takes. Whoever follows a link is let in.
   *
   * @throws {Refusal}
   */
  async admitRead(request: Request): Promise<void> {
    if (!isOfOwnPage(request) && request.headers.get('sec-fetch-mode') !== 'navigate') {
      throw new Refusal('forbidden', 'pages of other origins can read nothing here');
    }
    if (this.options.protectReads) await this.#checkToken(request);
  }

  /** @throws {Refusal} */
  async admitChange(request: Request): Promise<void> {
    if (!this.options.actions) throw new Refusal('forbidden', 'nothing can be changed here: `actions` is false');
    this.#checkOrigin(request);
    await this.#checkToken(request);
  }

  /** A browser says which page has sent a request. What is no browser says nothing, and brings the token all the same. */
  #checkOrigin(request: Request): void {
    const origin = request.headers.get('origin');
    const isKnown = origin === null || origin === new URL(request.url).origin || this.options.origins.includes(origin);
    if (isKnown && isOfOwnPage(request)) return;
    throw new Refusal('forbidden', 'a request that changes something has to come from a page of the same origin');
  }

  /** Digests are compared, so that neither the length nor the beginning of the token can be found out. */
  async #checkToken({ headers }: Request): Promise<void> {
    const given = /^Bearer +(.*)$/i.exec(headers.get('authorization') ?? '')?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), this.#token)) return;
    if (given !== undefined) await wait(penalty);
    const message = given === undefined ? 'a token is needed: `authorization: Bearer …`' : 'this is not the token';
    throw new Refusal('unauthorized', message, { headers: { 'www-authenticate': 'Bearer' } });
  }
}

/** What a browser says of the page that has sent a request; nothing else says anything. */
function isOfOwnPage({ headers }: Request): boolean {
  const site = headers.get('sec-fetch-site') ?? 'none';
  return site === 'same-origin' || site === 'none';
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
