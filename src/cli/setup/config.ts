import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Engine } from '../../distributed/index.js';
import { aBoolean, aLimit, aName, anObjectOf, aValue, isPlainObject } from '../../shared/validate.js';
import { usageError } from '../exit-codes.js';
import { parseJson } from './input.js';
import { loadModule } from './modules.js';

/** Contents of a config file. All fields are optional. */
interface Config {
  /** Engine, or an address in the form that `--engine` accepts. */
  readonly engine?: string | Engine | undefined;
  /** Prefix of keys and tables, if the engine is an address. Default: `orchestrator`. */
  readonly prefix?: string | undefined;
  /**
   * Milliseconds to wait for the engine's first answer, if the engine is an address. Default: 5000; for pglite 60000.
   */
  readonly connectTimeout?: number | undefined;
  /** Modules whose flows `worker` and `orchestrate` load by default. Paths are relative to the file. */
  readonly workflows?: readonly string[] | undefined;
  /** Modules whose loops `orchestrate` loads by default. Paths are relative to the file. */
  readonly loops?: readonly string[] | undefined;
  readonly dashboard?: DashboardConfig | undefined;
}

interface DashboardConfig {
  /** Port of the dashboard. Default: 4300. */
  readonly port?: number | undefined;
  /** Address to listen on. Default: `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Title at the top of the page. Default: `orchestrator`. */
  readonly title?: string | undefined;
  /** If false, the dashboard is read-only. Default: true. */
  readonly actions?: boolean | undefined;
  /** Additional keys whose values are hidden; `false` shows everything. Default: only well-known keys are hidden. */
  readonly redact?: readonly (string | RegExp)[] | false | undefined;
}

/** A config and its location. */
export interface FoundConfig {
  readonly config: Config;
  /** Path of the file, or `undefined` if there is no config file. */
  readonly path: string | undefined;
  /** Directory that the paths in the config are relative to. */
  readonly directory: string;
}

const configNames = ['ts', 'mts', 'js', 'mjs', 'json'].map((extension) => `orchestrator.config.${extension}`);

const modules = aValue('an array of paths of modules', (value) =>
  isArrayOf(value, (item) => typeof item === 'string' && item !== ''),
);

const readDashboard = anObjectOf<DashboardConfig>({
  port: aValue(
    'a port, from 0 to 65535',
    (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65_536,
  ),
  host: aName,
  title: aName,
  actions: aBoolean,
  redact: aValue(
    'an array of keys and regular expressions, or false',
    (value) => value === false || isArrayOf(value, (item) => typeof item === 'string' || item instanceof RegExp),
  ),
});

const readConfig = anObjectOf<Config>({
  engine: aValue('an address, or an engine', (value) => {
    const { commit, begin } = Object(value) as Partial<Engine>;
    return (typeof value === 'string' && value !== '') || (typeof commit === 'function' && typeof begin === 'function');
  }),
  prefix: aName,
  connectTimeout: aLimit,
  workflows: modules,
  loops: modules,
  dashboard: (value, field) => readDashboard(value, field),
});

/**
 * Reads the config: the given file, or the first file found from the working directory upwards. Directories above the
 * working directory are skipped if every user may write to them.
 *
 * @throws {CliError} with the file and the field
 */
export async function findConfig(cwd: string, given: string | undefined): Promise<FoundConfig> {
  const path = given === undefined ? search(cwd) : resolve(cwd, given);
  if (path === undefined) return { config: {}, path, directory: cwd };
  if (!existsSync(path)) throw usageError(`config file "${given}" does not exist (${path})`);
  const value = path.endsWith('.json') ? await readJson(path) : await readModule(path, cwd);
  try {
    return { config: readConfig(value), path, directory: dirname(path) };
  } catch (cause) {
    throw usageError(`${path} is not a valid config`, { cause });
  }
}

/**
 * Searches for a config file. A config is code, so outside the working directory it is not read from a directory that
 * every user may write to, such as `/tmp`.
 */
function search(cwd: string): string | undefined {
  const start = resolve(cwd);
  for (let directory = start; ; directory = dirname(directory)) {
    const isTrusted = directory === start || !isOpenToAll(directory);
    const paths = isTrusted ? configNames.map((name) => join(directory, name)) : [];
    const found = paths.find((path) => existsSync(path));
    if (found !== undefined || dirname(directory) === directory) return found;
  }
}

/**
 * Returns true if every user may write to the directory. Returns false on Windows, because the mode does not show this
 * there.
 */
function isOpenToAll(directory: string): boolean {
  return process.platform !== 'win32' && (statSync(directory).mode & 0o002) !== 0;
}

async function readModule(path: string, cwd: string): Promise<unknown> {
  const { values } = await loadModule(path, cwd);
  if (!isPlainObject(values.get('default'))) throw usageError(`${path} must export an object as its default`);
  return values.get('default');
}

async function readJson(path: string): Promise<unknown> {
  try {
    return parseJson(await readFile(path, 'utf8'));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw usageError(`${path} cannot be read`, { cause });
    // The message may quote the text around the error, which could be a password.
    const problem = cause.message.replace(/, .* is not valid JSON$/s, '');
    throw usageError(`${path} cannot be read as JSON: ${problem}`);
  }
}

function isArrayOf(value: unknown, test: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(test);
}
