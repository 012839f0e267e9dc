/** Something needs a package that is not installed. */
export class MissingPeerError extends Error {
  override readonly name = 'MissingPeerError';
  readonly code = 'ERR_MISSING_PEER';

  /** @param subject - what needs it */
  constructor(
    subject: string,
    readonly packages: readonly string[],
    options?: ErrorOptions,
  ) {
    super(`${subject} needs packages that are not installed: npm install ${packages.join(' ')}`, options);
  }
}

/** Loads packages that only some users need. @throws {MissingPeerError} that says what to install */
export async function loadPeers<Modules>(
  subject: string,
  loaders: { readonly [Name in keyof Modules & string]: () => Promise<Modules[Name]> },
): Promise<Modules> {
  const names = Object.keys(loaders) as (keyof Modules & string)[];
  const settled = await Promise.allSettled(names.map((name) => loaders[name]()));
  const missing = names.filter((name, index) => isMissing(settled[index], name));
  const failed = settled.find((result) => result.status === 'rejected');
  if (missing.length > 0) throw new MissingPeerError(subject, missing, { cause: failed?.reason });
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
