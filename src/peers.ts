/** Something needs a package that is not installed. */
export class MissingPeerError extends Error {
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

/**
 * Loads packages that only some users need.
 *
 * @param install - all of them, with versions that fit each other, where the newest do not
 * @throws {MissingPeerError} that says what to install
 */
export async function loadPeers<Modules>(
  subject: string,
  loaders: { readonly [Name in keyof Modules & string]: () => Promise<Modules[Name]> },
  install?: readonly string[],
): Promise<Modules> {
  const names = Object.keys(loaders) as (keyof Modules & string)[];
  const settled = await Promise.allSettled(names.map((name) => loaders[name]()));
  const missing = names.filter((name, index) => isMissing(settled[index], name));
  const failed = settled.find((result) => result.status === 'rejected');
  if (missing.length > 0) throw new MissingPeerError(subject, missing, { install, cause: failed?.reason });
  if (failed !== undefined) throw failed.reason;
  return Object.fromEntries(
    names.map((name, index) => [name, (settled[index] as PromiseFulfilledResult<unknown>).value]),
  ) as Modules;
}

function isMissing(result: PromiseSettledResult<unknown> | undefined, name: string): boolean {
  if (result?.status !== 'rejected') return false;
  const { code, message } = Object(result.reason) as { code?: unknown; message?: unknown };
  return code === 'ERR_MODULE_NOT_FOUND' && String(message).includes(name);
}
