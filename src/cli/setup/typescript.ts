import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const isTypeScript = (path: string) => /\.[cm]?tsx?$/.test(path);

/**
 * Loads a module that may be TypeScript. Node 22.18 and later can load TypeScript; for earlier versions `tsx` is used,
 * if the user has installed it. This is decided before the import, because Node caches failed imports.
 */
export async function importModule(path: string, cwd: string): Promise<Record<string, unknown>> {
  if (isTypeScript(path) && !canNodeStripTypes() && !isTypeScript(import.meta.url)) await registerTsx(cwd);
  return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
}

/** Returns true if the error says that Node cannot load TypeScript, in this module or in a module that it imports. */
export function isTypeScriptProblem(error: unknown): boolean {
  const { code, message } = Object(error) as { code?: unknown; message?: unknown };
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') return true;
  return code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?tsx?\b/.test(String(message));
}

function canNodeStripTypes(): boolean {
  const { typescript } = process.features as { readonly typescript?: string | false };
  return typeof typescript === 'string';
}

/** Registers `tsx` for the whole process, like `node --import tsx`, so that each module is loaded only once. */
async function registerTsx(cwd: string): Promise<void> {
  let resolved: string;
  try {
    resolved = createRequire(join(cwd, 'package.json')).resolve('tsx');
  } catch {
    return;
  }
  await import(pathToFileURL(resolved).href);
}
