import { OrchestratorError } from './errors.js';

/**
 * Thrown when a feature needs an optional package that is not installed, such as a database driver. `packages` are the
 * names of the missing packages. The message contains the command that installs them.
 */
export class MissingPeerError extends OrchestratorError {
  override readonly name = 'MissingPeerError';
  readonly code = 'ERR_MISSING_PEER';

  /**
   * @param subject - the feature that needs the packages, for the message
   * @param packages - the names of the missing packages
   */
  constructor(
    subject: string,
    readonly packages: readonly string[],
    { install = packages, ...options }: MissingPeerOptions = {},
  ) {
    super(`${subject} needs packages that are not installed: npm install ${install.join(' ')}`, options);
  }
}

/** Options of `MissingPeerError`. */
interface MissingPeerOptions extends ErrorOptions {
  /**
   * Arguments for `npm install`, such as `pg@8`, if the newest versions of the missing packages are not compatible.
   * Default: the names of the missing packages.
   */
  readonly install?: readonly string[] | undefined;
}

/** Options of `loadPeers`. */
interface LoadOptions {
  /**
   * All packages, each with a compatible version, if their newest versions are not compatible with each other. Default:
   * the names.
   */
  readonly install?: readonly string[] | undefined;
  /** Imports a package. Default: `import()`. */
  readonly load?: (name: string) => Promise<unknown>;
}

/**
 * Loads optional packages. They are imported by a name that is not a literal, so bundlers do not include them and the
 * import is resolved at the location of the bundle.
 *
 * @throws {MissingPeerError} if a package is not installed; the message says what to install
 */
export async function loadPeers<Modules extends object>(
  subject: string,
  names: readonly (keyof Modules & string)[],
  { install, load = importPeer }: LoadOptions = {},
): Promise<Modules> {
  const settled = await Promise.allSettled(names.map(load));
  const missing = names.filter((name, index) => isMissing(settled[index], name));
  const failed = settled.find((result) => result.status === 'rejected');
  if (missing.length > 0) throw new MissingPeerError(subject, missing, { install, cause: failed?.reason });
  if (failed !== undefined) throw failed.reason;
  return Object.fromEntries(
    names.map((name, index) => [name, (settled[index] as PromiseFulfilledResult<unknown>).value]),
  ) as Modules;
}

function importPeer(name: string): Promise<unknown> {
  return import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ name);
}

function isMissing(result: PromiseSettledResult<unknown> | undefined, name: string): boolean {
  if (result?.status !== 'rejected') return false;
  const { code, message } = Object(result.reason) as { code?: unknown; message?: unknown };
  return code === 'ERR_MODULE_NOT_FOUND' && String(message).includes(name);
}
