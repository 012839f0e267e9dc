import { OrchestratorError } from './errors.js';

/** Something needs a package that is not installed. */
export class MissingPeerError extends OrchestratorError {
  override readonly name = 'MissingPeerError';
  readonly code = 'ERR_MISSING_PEER';

  /**
   * @param subject - what needs it
   * @param packages - those that are missing
   */
  constructor(
    subject: string,
    readonly packages: readonly string[],
    { install = packages, ...options }: MissingPeerOptions = {},
  ) {
    super(`${subject} needs packages that are not installed: npm install ${install.join(' ')}`, options);
  }
}

/** What `MissingPeerError` takes. */
interface MissingPeerOptions extends ErrorOptions {
  /** What npm is to be given, where the newest versions of what is missing would not do: `pg@8`. Default: what is missing. */
  readonly install?: readonly string[] | undefined;
}

/** How `loadPeers` loads. */
interface LoadOptions {
  /** All of them, with versions that fit each other, where the newest do not. Default: the names. */
  readonly install?: readonly string[] | undefined;
  /** Imports a package. Default: `import()`. */
  readonly load?: (name: string) => Promise<unknown>;
}

/**
 * Loads packages that only some users need. Bundlers leave them alone: they are imported by a name that is not a literal,
 * from where the bundle runs.
 *
 * @throws {MissingPeerError} that says what to install
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
