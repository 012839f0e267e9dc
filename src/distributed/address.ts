import { EngineError } from './errors.js';

/**
 * Where a server is, from its address: host and port alone.
 *
 * A password with characters that have to be percent-encoded is read as another part of the address, and would be shown as
 * one: such an address is refused, and nothing of it is told.
 *
 * @param engine - the kind of engine, which is the scheme of its addresses
 * @throws {EngineError} for what is not an address
 */
export function placeOf(engine: 'redis' | 'postgres', address: string, defaultPort: number): string {
  const example =
    engine === 'redis' ? 'redis://user:password@host:6379' : 'postgres://user:password@host:5432/database';
  const url = urlFrom(address);
  if (url === undefined) {
    throw new EngineError(
      engine,
      `needs an address like ${example}; percent-encode what is not a letter or digit in user and password (# is %23)`,
    );
  }
  const { hostname, port, searchParams } = url;
  const host = engine === 'postgres' ? (searchParams.get('host') ?? hostname) : hostname;
  const at = (engine === 'postgres' ? searchParams.get('port') : undefined) ?? port;
  return `${host || 'localhost'}:${at || defaultPort}`;
}

/** `undefined` for what is not an address, and where an @ stands behind what was taken for the host. */
function urlFrom(address: string): URL | undefined {
  // What pg takes too: a user, and a host that a parameter names.
  const whole = address.replace('@/', '@localhost/');
  if (!URL.canParse(whole)) return undefined;
  const url = new URL(whole);
  const { pathname, search, hash } = url;
  return hash === '' && !pathname.includes('@') && !/^\?[^=&]*@/.test(search) ? url : undefined;
}
