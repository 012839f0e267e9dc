import { ValidationError } from '../../shared/errors.js';

/** An engine on a server, as it is called in messages. */
type Kind = 'redis' | 'postgres';

/** Schemes of addresses. `pg` takes `socket:` besides, for a directory with a socket. */
const schemes = { redis: /^rediss?:\/\//i, postgres: /^(postgres(ql)?:\/\/|socket:)/i } as const;

const beginnings = { redis: 'redis:// or rediss://', postgres: 'postgres:// or postgresql://' } as const;

const examples = {
  redis: 'redis://user:password@host:6379',
  postgres: 'postgres://user:password@host:5432/database',
} as const;

/**
 * Reads the address of a server. A password with characters that have to be percent-encoded is read as another part of the
 * address, and would be shown as one: such an address is refused, and no message repeats any part of one.
 *
 * @param field - the name of the option, for messages
 * @throws {ValidationError} for an address of another kind, or with another scheme
 */
export function urlOf(kind: Kind, address: string, field: string): URL {
  const url = urlFrom(address);
  if (url === undefined) {
    throw new ValidationError(
      `${field} needs an address like ${examples[kind]}; ` +
        'percent-encode what is not a letter or digit in user and password (# is %23)',
    );
  }
  if (schemes[kind].test(address)) return url;
  throw new ValidationError(`${field} must be an address that begins with ${beginnings[kind]}, got another scheme`);
}

/** Where a server is, from its address: host and port alone. Like `urlOf`, it refuses what is not an address. */
export function placeOf(kind: Kind, address: string, field: string, defaultPort: number): string {
  const { hostname, port, searchParams } = urlOf(kind, address, field);
  const host = kind === 'postgres' ? (searchParams.get('host') ?? hostname) : hostname;
  const at = (kind === 'postgres' ? searchParams.get('port') : undefined) ?? port;
  return `${host || 'localhost'}:${at || defaultPort}`;
}

/** `undefined` for what is not an address, and where an @ stands behind what was taken for the host. */
function urlFrom(address: string): URL | undefined {
  // What pg takes too: a user, and a host that a parameter names.
  const whole = address.replace('@/', '@localhost/');
  if (!URL.canParse(whole)) return undefined;
  const url = new URL(whole);
  const { username, password, pathname, search, hash } = url;
  const isEncoded = isDecodable(username) && isDecodable(password);
  return isEncoded && hash === '' && !pathname.includes('@') && !/^\?[^=&]*@/.test(search) ? url : undefined;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
