import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const name = 'orchestrator-ticket';

/**
 * Cookies of browsers that have brought the token before. A ticket permits nothing: its browser's tokens are looked at even
 * while somebody guesses from the same address, so that nobody is locked out by others behind the same proxy.
 */
export class Tickets {
  readonly #key = randomBytes(32);

  constructor(private readonly path: string) {}

  /** Whether a request brings a ticket of this dashboard. */
  isIn({ headers }: Request): boolean {
    const cookies = (headers.get('cookie') ?? '').split(';').map((cookie) => cookie.trim());
    return cookies.some((cookie) => cookie.startsWith(`${name}=`) && this.#isOwn(cookie.slice(name.length + 1)));
  }

  /** A header that gives one. */
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
