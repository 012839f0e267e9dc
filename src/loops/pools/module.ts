import { pathToFileURL } from 'node:url';
import { kindOf } from '../../shared/errors.js';
import type { ModuleLoop } from '../definition.js';
import { LoopModuleError } from '../errors.js';
import type { Loop } from '../loop.js';
import { fromWire, toWire, type WireError } from '../wire.js';
import { hosting } from './hosting.js';
import { type ModuleFault, protocol } from './protocol.js';

/** Returns the URL of a module. Paths are relative to the working directory. */
export function hrefOf({ module }: ModuleLoop): string {
  if (module instanceof URL) return module.href;
  return /^[a-z][a-z+.-]+:/i.test(module) ? module : pathToFileURL(module).href;
}

/**
 * Loads a loop into this program.
 *
 * @returns the loop, which another copy of this package may have created
 * @throws {LoopModuleError} for a module that cannot be loaded or does not export a loop
 */
export async function loadLoop(placed: ModuleLoop): Promise<Loop> {
  const { options } = placed;
  const exportName = placed.export ?? 'default';
  const fail = (fault: ModuleFault, cause?: unknown) => moduleError(placed, fault, cause);
  let exports: Record<string, unknown>;
  try {
    exports = (await import(
      /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ hrefOf(placed)
    )) as Record<string, unknown>;
  } catch (cause) {
    throw fail({ type: 'import', error: toWire(cause, placed.id) }, cause);
  }
  const exported = exports[exportName];
  if (exported === undefined) throw fail({ type: 'export', names: Object.keys(exports) });
  const loop = (typeof exported === 'function' ? await exported(options) : exported) as Loop | undefined;
  const its = loop?.[hosting];
  if (loop === undefined || its === undefined) throw fail({ type: 'kind', kind: kindOf(loop) });
  if (its.protocol !== protocol) throw fail({ type: 'protocol' });
  return loop;
}

/**
 * Creates the error for a module that does not provide its loop.
 *
 * @param cause - the original error, if it was thrown in this program
 */
export function moduleError(
  placed: ModuleLoop,
  fault: ModuleFault,
  cause: unknown = fault.type === 'import' ? fromWire(fault.error) : undefined,
): LoopModuleError {
  const problem = problemOf(fault, placed.export ?? 'default');
  return new LoopModuleError(hrefOf(placed), problem, cause === undefined ? undefined : { cause });
}

function problemOf(fault: ModuleFault, name: string): string {
  switch (fault.type) {
    case 'import':
      return problemOfImport(fault.error);
    case 'export':
      return `has no export "${name}", only ${fault.names.join(', ') || 'none'}`;
    case 'kind':
      return `exports ${fault.kind} as "${name}", not a Loop or a function that returns one`;
    case 'protocol':
      return `exports a loop "${name}" that was created by another version of this package: use one version in both`;
    case 'circle':
      return 'starts the loop that it exports, and would start itself again and again: move the loop into a module that only exports it';
  }
}

function problemOfImport({ code, message }: WireError): string {
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && String(message).includes('.ts')) {
    return 'is TypeScript, which this version of Node cannot load: use Node 22.18 or later, start the program with `node --import tsx`, or load the built module';
  }
  return `cannot be loaded: ${String(message)}`;
}
