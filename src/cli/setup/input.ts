import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isPlainObject } from '../../shared/validate.js';
import { usageError } from '../exit-codes.js';
import type { Io } from '../io.js';

/** Options for values: JSON itself, the path of a file with JSON, or `-` for standard input. */
export interface InputFlags {
  readonly input?: string | undefined;
  readonly context?: string | undefined;
}

/** Reads the input and the context of a run. Only one of them may come from standard input. */
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

/** Reads the value of one option. */
export async function readValue(io: Io, option: string, given: string): Promise<unknown> {
  if (given === '-') return parse(option, 'the standard input', await readAll(io));
  if (isJson(given)) return parse(option, 'the text', given);
  let text: string;
  try {
    text = await readFile(resolve(io.cwd, given), 'utf8');
  } catch (cause) {
    throw usageError(`${option}: "${given}" is neither JSON nor a readable file`, { cause });
  }
  return parse(option, `"${given}"`, text);
}

/** Distinguishes JSON from the path of a file. A file whose name looks like JSON can be given as `./1`. */
function isJson(given: string): boolean {
  return /^\s*(?:[{["]|-?\d|(?:true|false|null)\s*$)/.test(given);
}

/** Parses JSON from a file. Editors and PowerShell may write a byte order mark at the start, which is ignored. */
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
