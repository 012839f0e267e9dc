import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const isTypeScript = (path: string) => /\.[cm]?tsx?$/.test(path);

/**
 * Loads a module that may be TypeScript. Node 22.18 and later take it as it is; before, `tsx` does, where the user has it.
 * That is decided before: Node remembers what it could not load, and never tries again.
 */
export async function importModule(path: string, cwd: string): Promise<Record<string, unknown>> {
  if (isTypeScript(path) && !canNodeStripTypes() && !isTypeScript(import.meta.url)) await registerTsx(cwd);
  return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
}

/** Whether a failure is that Node cannot read TypeScript, in this module or one that it imports. */
export function isTypeScriptProblem(error: unknown): boolean {
  const { code, message } = Object(error) as { code?: unknown; message?: unknown };
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') return true;
  return code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?tsx?\b/.test(String(message));
}

function canNodeStripTypes(): boolean {
  const { typescript } = process.features as { readonly typescript?: string | false };
  return typeof typescript === 'string';
}

/** What `node --import tsx` does: for the whole program, so that a module and what it imports are there once. */
async function registerTsx(cwd: string): Promise<void> {
  let resolved: string;
  try {
    resolved = createRequire(join(cwd, 'package.json')).resolve('tsx');
  } catch {
    return;
  }
  await import(pathToFileURL(resolved).href);
}
