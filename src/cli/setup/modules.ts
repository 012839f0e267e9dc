import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FlowNode, FlowRuntime, type Graph } from '../../flow/index.js';
import { isPlainObject } from '../../shared/validate.js';
import { usageError } from '../exit-codes.js';
import { importModule, isTypeScriptProblem } from './typescript.js';

/** Exports of a module, by name. Each value is listed once. */
export interface Exports {
  /** Name of the module, as written by the user. For messages. */
  readonly module: string;
  readonly values: ReadonlyMap<string, unknown>;
}

/** A flow, as code or as data. */
export type Workflow = FlowNode | Graph;

/**
 * Loads a module of the user: JavaScript, or TypeScript if Node or `tsx` can load it.
 *
 * @throws {CliError} with a hint about what to do
 */
export async function loadModule(module: string, cwd: string): Promise<Exports> {
  const path = module.startsWith('file:') ? fileURLToPath(module) : resolve(cwd, module);
  if (!existsSync(path)) throw usageError(`module "${module}" does not exist (${path})`);
  try {
    return { module, values: distinct(await importModule(path, cwd)) };
  } catch (cause) {
    if (!isTypeScriptProblem(cause)) throw usageError(`"${module}" cannot be loaded${placeOf(cause, path)}`, { cause });
    const ways =
      'install tsx beside it (npm install --save-dev tsx), use Node 22.18 or later, or give the built module';
    throw usageError(`"${module}" is, or imports, TypeScript that this Node ${process.version} cannot load: ${ways}`, {
      cause,
    });
  }
}

/**
 * Returns the file and the line of a syntax error, in brackets, or nothing if they are not known. Node names the line of
 * an ES module only when it prints the error itself.
 */
function placeOf(error: unknown, path: string): string {
  if (!(error instanceof SyntaxError)) return '';
  const place =
    lineIn(error.stack) ??
    lineIn(spawnSync(process.execPath, ['--check', path], { encoding: 'utf8', timeout: 10_000 }).stderr);
  return place === undefined ? '' : ` (${place})`;
}

/** Returns the first line of an error that Node prints, if it names a file and a line. */
function lineIn(text = ''): string | undefined {
  return /^(?!node:).*:\d+(?=\n)/.exec(text)?.[0];
}

/** The flows of a module, by export name. */
export function flowsOf({ module, values }: Exports): ReadonlyMap<string, Workflow> {
  const flows = new Map<string, Workflow>();
  for (const [name, value] of values) {
    if (isWorkflow(value)) flows.set(name, value);
    else if (isForeign(value)) throw foreign(module, name);
  }
  return flows;
}

/** Chooses a flow: the export or the flow with the given name. Without a name: the default export, or the only flow. */
export function chooseFlow(exports: Exports, name?: string): Workflow {
  const flows = flowsOf(exports);
  const wanted = name ?? 'default';
  const byId = [...flows.values()].filter((flow) => idOf(flow) === name);
  const found = flows.get(wanted) ?? (byId.length === 1 ? byId[0] : undefined);
  if (found !== undefined) return found;
  const [only] = flows.values();
  if (name === undefined && flows.size === 1 && only !== undefined) return only;
  const which = name === undefined ? 'a flow as its default export' : `a flow "${name}"`;
  const choose = name === undefined && flows.size > 1 ? '; name one of its flows' : '';
  throw usageError(`"${exports.module}" does not export ${which}${choose}: it exports ${listOf(exports)}`);
}

/** The runtime that the module exports for its flows. */
export function runtimeOf({ values }: Exports): FlowRuntime | undefined {
  return [...values.values()].find((value) => value instanceof FlowRuntime);
}

/** Lists the exports for messages: `default (flow "order"), retries (number)`. */
export function listOf({ values }: Exports): string {
  const names = [...values].map(([name, value]) => `${name} (${kindOf(value)})`);
  return names.join(', ') || 'nothing';
}

export function idOf(flow: Workflow): string {
  return flow instanceof FlowNode ? flow.toBlueprint().id : flow.id;
}

function isWorkflow(value: unknown): value is Workflow {
  if (value instanceof FlowNode) return true;
  return (
    isPlainObject(value) && typeof value.id === 'string' && Array.isArray(value.nodes) && Array.isArray(value.edges)
  );
}

/** Returns true if the flow was created by another copy of the package. */
function isForeign(value: unknown): boolean {
  const { toBlueprint } = Object(value) as { readonly toBlueprint?: unknown };
  return typeof toBlueprint === 'function' && !(value instanceof FlowNode);
}

function foreign(module: string, name: string): Error {
  const isTypeScript = /\.tsx?$/.test(module);
  const other = isTypeScript ? ', or make the module an ES module ("type": "module" in its package.json, or .mts)' : '';
  return usageError(
    `the flow "${name}" of "${module}" was made with another copy of this package: use the command that is installed beside the module (npx orchestrator)${other}`,
  );
}

/**
 * Collects the exports. For CommonJS modules, Node adds other names for the same exports. If the default export is an
 * object, the flows in the object are added as well.
 */
function distinct(namespace: Record<string, unknown>): Map<string, unknown> {
  const values = new Map(Object.entries(namespace).filter(([name]) => !interop.includes(name)));
  const all = values.get('default');
  if (!isPlainObject(all) || isWorkflow(all)) return values;
  for (const [name, value] of Object.entries(all)) {
    if (name === 'default' || (!values.has(name) && typeof value === 'object')) values.set(name, value);
  }
  return values;
}

const interop = ['module.exports', '__esModule'];

function kindOf(value: unknown): string {
  if (isWorkflow(value)) return `flow "${idOf(value)}"`;
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return String(value.constructor?.name ?? 'object');
}
