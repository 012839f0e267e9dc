import { pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { kindOf } from '../../errors.js';
import type { ModuleLoop } from '../definition.js';
import { LoopModuleError } from '../errors.js';
import { Loop } from '../loop.js';

/** Where a module is: paths are from the working directory. */
export function hrefOf({ module }: ModuleLoop): string {
  if (module instanceof URL) return module.href;
  return /^[a-z][a-z+.-]+:/i.test(module) ? module : pathToFileURL(module).href;
}

/** @throws {LoopModuleError} for a module that cannot be loaded, or holds no loop */
export async function loadLoop(module: string, exportName: string, options: unknown): Promise<Loop> {
  let exports: Record<string, unknown>;
  try {
    exports = (await import(module)) as Record<string, unknown>;
  } catch (cause) {
    throw new LoopModuleError(module, problemOf(cause), { cause });
  }
  const exported = exports[exportName];
  if (exported === undefined) {
    throw new LoopModuleError(
      module,
      `has no export "${exportName}", only ${Object.keys(exports).join(', ') || 'none'}`,
    );
  }
  const loop = typeof exported === 'function' ? await exported(options) : exported;
  if (!(loop instanceof Loop)) {
    throw new LoopModuleError(
      module,
      `exports ${kindOf(loop)} as "${exportName}", not a Loop or a function that gives one`,
    );
  }
  return loop;
}

function problemOf(cause: unknown): string {
  const { code, message } = Object(cause) as { code?: unknown; message?: unknown };
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && String(message).includes('.ts')) {
    // A loader that a program is started with does not reach the threads of Node 20.
    const loader = isMainThread ? 'start the program with' : 'use the pool process in a program that is started with';
    return `is TypeScript, which this version of Node cannot load: use Node 22.18 or later, ${loader} \`node --import tsx\`, or give the built module`;
  }
  return `cannot be loaded: ${String(message)}`;
}
