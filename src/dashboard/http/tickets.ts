import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const name = 'orchestrator-ticket';

/**
 * Cookies for browsers that have sent the right token before. A ticket grants no access. It only exempts its browser
 * from the limit on wrong tokens, so that attackers behind the same proxy cannot lock the browser out.
 */
export class Tickets {
  readonly #key = randomBytes(32);

  constructor(private readonly path: string) {}

  /** Returns true if the request carries a valid ticket of this dashboard. */
  isIn({ headers }: Request): boolean {
    const cookies = (headers.get('cookie') ?? '').split(';').map((cookie) => cookie.trim());
    return cookies.some((cookie) => cookie.startsWith(`${name}=`) && this.#isOwn(cookie.slice(name.length + 1)));
  }

  /** A `set-cookie` value with a new ticket. */
  issue(): string {
    const id = randomBytes(16).toString('base64url');
    return `${name}=${id}.${this.#signature(id).toString('base64url')}; Path=${this.path}/; HttpOnly; SameSite=Strict`;
  }

  #isOwn(ticket: string): boolean {
    const [id = '', signature = ''] = ticket.split('.', 2);
    const given = Buffer.from(signature, 'base64url');
    const expected = this.#signature(id);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #signature(id: string): Buffer {
    return createHmac('sha256', this.#key).update(id).digest();
  }
}
