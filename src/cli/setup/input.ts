import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isPlainObject } from '../../shared/validate.js';
import { usageError } from '../exit-codes.js';
import type { Io } from '../io.js';

/** Where values come from: JSON as it is, a file that holds it, or `-` for the standard input. */
export interface InputFlags {
  readonly input?: string | undefined;
  readonly context?: string | undefined;
}

/** Reads what a run begins with. Only one of the two may come from the standard input. */
export async function readInputs(
  io: Io,
  { input, context }: InputFlags,
): Promise<{ readonly input: unknown; readonly context: Record<string, unknown> }> {
  if (input === '-' && context === '-')
    throw usageError('--input and --context cannot both come from the standard input');
  const given = context === undefined ? {} : await readValue(io, '--context', context);
  if (!isPlainObject(given)) throw usageError('--context must be a JSON object');
  return { input: input === undefined ? undefined : await readValue(io, '--input', input), context: given };
}

/** Reads one value. */
export async function readValue(io: Io, option: string, given: string): Promise<unknown> {
  if (given === '-') return parse(option, 'the standard input', await readAll(io));
  if (isJson(given)) return parse(option, 'the text', given);
  let text: string;
  try {
    text = await readFile(resolve(io.cwd, given), 'utf8');
  } catch (cause) {
    throw usageError(`${option}: "${given}" cannot be read, and is no JSON`, { cause });
  }
  return parse(option, `"${given}"`, text);
}

/** A file whose name looks like JSON can be given with a path: `./1`. */
function isJson(given: string): boolean {
  return /^\s*(?:[{["]|-?\d|(?:true|false|null)\s*$)/.test(given);
}

/** JSON from a file; editors and PowerShell begin files with a byte order mark. */
export function parseJson(text: string): unknown {
  return JSON.parse(text.replace(/^\uFEFF/, ''));
}

function parse(option: string, where: string, text: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw usageError(`${option}: ${where} is not JSON`, { cause });
  }
}

async function readAll({ stdin }: Io): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
