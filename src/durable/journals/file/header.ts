import { JournalError } from '../../errors.js';
import type { JournalHeader } from '../../journal.js';
import type { Paths } from './paths.js';

/** The format of files that this version writes, and the latest that it reads. */
const format = 1;

/** The content of a journal's first line. */
export interface FileHeader extends JournalHeader {
  /** Signals up to and including this number are no longer needed. */
  readonly consumed: number;
}

export function encodeHeader({ id, name, version, created, input }: JournalHeader, consumed: number): string {
  return JSON.stringify({ format, id, name, version, created, consumed, input });
}

/**
 * Reads the text of a header.
 *
 * @throws {JournalError} if the file belongs to another run, or was written by a later version
 */
export function decodeHeader(text: string, { id, file }: Pick<Paths, 'file'> & { readonly id?: string }): FileHeader {
  const { format: given, ...header } = JSON.parse(text) as FileHeader & { readonly format: number };
  if (given > format)
    throw new JournalError(
      header.id,
      `is recorded in "${file}" in format ${given}, and this version reads up to format ${format}: update orchestrator`,
    );
  if (id !== undefined && header.id !== id)
    throw new JournalError(id, `cannot use "${file}", which belongs to run "${header.id}": move the file away`);
  return header;
}

/** The header without what only the file has. */
export function withoutConsumed({ consumed: _, ...header }: FileHeader): JournalHeader {
  return header;
}
