import { ValidationError } from './errors.js';

/** The kind of server that an address points to. Appears in messages. */
type Kind = 'redis' | 'postgres';

/** URL schemes of each kind. `pg` also accepts `socket:`, for a directory with a Unix socket. */
const schemes = { redis: /^rediss?:\/\//i, postgres: /^(postgres(ql)?:\/\/|socket:)/i } as const;

const beginnings = { redis: 'redis:// or rediss://', postgres: 'postgres:// or postgresql://' } as const;

const examples = {
  redis: 'redis://user:password@host:6379',
  postgres: 'postgres://user:password@host:5432/database',
} as const;

/**
 * Parses the address of a server. A password with characters that are not percent-encoded would be parsed as another
 * section of the address, and could then show up in messages. Therefore such an address is refused, and no message
 * repeats any section of an address.
 *
 * @param field - the name of the option, for messages
 * @throws {ValidationError} if the address cannot be parsed, or its scheme belongs to another kind of server
 */
export function urlOf(kind: Kind, address: string, field: string): URL {
  const url = urlFrom(address);
  if (url === undefined) {
    throw new ValidationError(
      `${field} must be an address like ${examples[kind]}: ` +
        'percent-encode all but letters and digits in user and password (# is %23)',
    );
  }
  if (schemes[kind].test(address)) return url;
  throw new ValidationError(`${field} must be an address that begins with ${beginnings[kind]}, got another scheme`);
}

/**
 * Returns the host and port of an address.
 *
 * @throws {ValidationError} like `urlOf`
 */
export function placeOf(kind: Kind, address: string, field: string, defaultPort: number): string {
  const { hostname, port, searchParams } = urlOf(kind, address, field);
  const host = kind === 'postgres' ? (searchParams.get('host') ?? hostname) : hostname;
  const at = (kind === 'postgres' ? searchParams.get('port') : undefined) ?? port;
  return `${host || 'localhost'}:${at || defaultPort}`;
}

/** Returns the parsed address, or `undefined` if the address cannot be parsed or an `@` follows its host. */
function urlFrom(address: string): URL | undefined {
  // `pg` also accepts a user without a host if a parameter contains the host.
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
