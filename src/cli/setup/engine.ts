import { resolve } from 'node:path';
import { type Engine, type EngineOptions, memory, pglite, postgres, redis } from '../../distributed/index.js';
import { usageError } from '../exit-codes.js';
import type { Session } from '../session.js';
import type { FoundConfig } from './config.js';

/** Options that choose an engine. */
export interface EngineFlags {
  readonly engine?: string | undefined;
  readonly config?: string | undefined;
  readonly prefix?: string | undefined;
}

const forms = 'redis://host:6379, postgres://host:5432/database, pglite:<directory> or memory:';

/** Milliseconds that a command waits for the first answer of a server. */
const patience = 5_000;

/**
 * Chooses the engine from `--engine`, the config file, `DATABASE_URL` or `REDIS_URL`, in this order.
 *
 * @throws {CliError} if no engine is chosen, or if both variables are set
 */
export function chooseEngine(session: Session, flags: EngineFlags, found: FoundConfig): Engine {
  const engine = chosenEngine(session, flags, found);
  if (engine !== undefined) return engine;
  throw usageError(
    `no engine is chosen: give --engine <address> (${forms}), set REDIS_URL or DATABASE_URL, or set engine in orchestrator.config.js`,
  );
}

/** Like `chooseEngine`, but returns `undefined` if no engine is chosen. */
export function chosenEngine(session: Session, flags: EngineFlags, found: FoundConfig): Engine | undefined {
  const { config, path } = found;
  const options = { prefix: flags.prefix ?? config.prefix, connectTimeout: config.connectTimeout };
  const chosen = chosenAddress(session, flags, found);
  if (chosen === undefined) return undefined;
  if (typeof chosen.address === 'string') {
    return engineAt(session, chosen.source, chosen.address, chosen.directory, options);
  }
  if (options.prefix === undefined) return chosen.address;
  throw usageError(
    `a prefix needs an engine that is given as an address: set the prefix of the engine in ${path} there`,
  );
}

/**
 * The address of the chosen Postgres database.
 *
 * @throws {CliError} if no engine is chosen, or an engine that is not Postgres
 */
export function postgresAddress(session: Session, flags: EngineFlags, found: FoundConfig): string {
  const chosen = chosenAddress(session, flags, found);
  const address = chosen?.address;
  if (typeof address !== 'string' || !/^postgres(ql)?:/i.test(address)) {
    throw usageError(
      'only Postgres databases can be migrated: give --engine postgres://host:5432/database, or set DATABASE_URL',
    );
  }
  hidePassword(session, address);
  return address;
}

/** The chosen engine, and the option or variable that named it. */
interface Chosen {
  readonly address: string | Engine;
  readonly source: string;
  /** Directory that a path in the address is relative to. */
  readonly directory: string;
}

function chosenAddress(session: Session, flags: EngineFlags, found: FoundConfig): Chosen | undefined {
  const { config, directory, path } = found;
  const { cwd, env } = session.io;
  const { REDIS_URL = '', DATABASE_URL = '' } = env;
  if (flags.engine !== undefined) return { address: flags.engine, source: '--engine', directory: cwd };
  if (config.engine !== undefined) return { address: config.engine, source: `engine in ${path}`, directory };
  if (REDIS_URL !== '' && DATABASE_URL !== '') {
    const how = 'give --engine "$REDIS_URL" or --engine "$DATABASE_URL", or set engine in orchestrator.config.js';
    throw usageError(`both DATABASE_URL and REDIS_URL are set, so the engine is ambiguous: ${how}`);
  }
  if (DATABASE_URL !== '') return { address: DATABASE_URL, source: 'DATABASE_URL', directory: cwd };
  return REDIS_URL === '' ? undefined : { address: REDIS_URL, source: 'REDIS_URL', directory: cwd };
}

function engineAt(
  session: Session,
  source: string,
  address: string,
  directory: string,
  options: EngineOptions,
): Engine {
  hidePassword(session, address);
  const [, scheme = '', rest = ''] = /^([a-z][a-z+.-]*):(.*)$/is.exec(address) ?? [];
  const patient = { ...options, connectTimeout: options.connectTimeout ?? patience };
  switch (scheme.toLowerCase()) {
    case 'redis':
    case 'rediss':
      return redis(address, patient);
    case 'postgres':
    case 'postgresql':
      return postgres(address, patient);
    case 'pglite':
      if (rest === '') throw usageError(`${source} must name a directory, as in pglite:./data`);
      return pglite(resolve(directory, rest.replace(/^\/\/(?=.)/, '')), defined(options));
    case 'memory':
      return memory();
    default:
      throw usageError(`${source} must be ${forms}${scheme === '' ? '' : `, got ${scheme}:`}`);
  }
}

/**
 * Hides the password of an address in messages, because errors of clients may contain the address or parts of commands.
 * Only the password between `:` and `@` or in quotes is replaced, because the bare word may be part of other names.
 */
function hidePassword(session: Session, address: string): void {
  const [, password = ''] = /^[^:]+:\/\/[^/@]*?:(.*)@/s.exec(address) ?? [];
  for (const form of new Set([password, decoded(password)])) {
    if (form === '') continue;
    for (const [before, after] of [':@', "''", '""']) session.hide(`${before}${form}${after}`, `${before}***${after}`);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Leaves out options that are `undefined`, because they would override the defaults. */
function defined({ prefix, connectTimeout }: EngineOptions): EngineOptions {
  return { ...(prefix === undefined ? {} : { prefix }), ...(connectTimeout === undefined ? {} : { connectTimeout }) };
}
