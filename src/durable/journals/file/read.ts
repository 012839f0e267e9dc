import { open, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { undefinedIfMissing } from '../../../shared/files.js';
import { JournalError } from '../../errors.js';
import type { JournalSummary } from '../../journal.js';
import { firstLine, lastLine } from './ends.js';
import { decodeHeader, type FileHeader, withoutConsumed } from './header.js';
import { DamagedLine, headerIn, type Scanned, scan, statusIn } from './lines.js';
import { extension, type Paths } from './paths.js';
import { throwProblem } from './problems.js';

/** A journal as it is in its file. */
export interface Journal extends Omit<Scanned, 'header'> {
  readonly header: FileHeader;
  /** Size of the file, in bytes. */
  readonly size: number;
}

/**
 * Reads the journal of a run. A last line that a crash has cut off is ignored.
 *
 * @returns `undefined` if there is no file
 * @throws {JournalError} if the file is damaged or cannot be read
 */
export async function readJournal(paths: Paths): Promise<Journal | undefined> {
  const { id, file } = paths;
  const bytes = await readFile(file)
    .catch(undefinedIfMissing)
    .catch(throwProblem(id, file, 'read'));
  if (bytes === undefined) return undefined;
  try {
    const { header, ...scanned } = scan(bytes);
    return { ...scanned, header: decodeHeader(header, paths), size: bytes.length };
  } catch (error) {
    throw error instanceof DamagedLine ? damaged(paths, error) : error;
  }
}

/** Reads the header of a run. Returns `undefined` if there is no file. */
export async function readHeader(paths: Paths): Promise<FileHeader | undefined> {
  return (await readEnds(paths.file, paths))?.header;
}

/** Lists the runs of a directory, in no order, and reports those that cannot be read. */
export async function listJournals(
  directory: string,
  onUnreadable: (error: JournalError) => void,
): Promise<JournalSummary[]> {
  const found = await readdir(directory)
    .catch(undefinedIfMissing)
    .catch(throwProblem(undefined, directory, 'listed'));
  const names = found ?? [];
  const files = names.filter((name) => name.endsWith(extension)).map((name) => join(directory, name));
  const runs: JournalSummary[] = [];
  const queue = files.values();
  const work = async () => {
    for (const file of queue) {
      const run = await readEnds(file).catch((error) => {
        if (!(error instanceof JournalError)) throw error;
        onUnreadable(error);
        return undefined;
      });
      // The run may have been deleted meanwhile.
      if (run === undefined) continue;
      const { input: _, ...header } = withoutConsumed(run.header);
      runs.push({ ...header, status: run.status });
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return runs;
}

/** Reads the header and the status, which the last line tells. */
async function readEnds(file: string, paths?: Pick<Paths, 'id'>) {
  const id = paths?.id ?? basename(file, extension);
  const opened = await open(file, 'r')
    .catch(undefinedIfMissing)
    .catch(throwProblem(id, file, 'read'));
  if (opened === undefined) return undefined;
  try {
    const first = await firstLine(opened);
    const { line: last } = await lastLine(opened);
    const header = first && headerIn(first);
    const status = last && statusIn(last);
    const at = header === undefined ? { number: 1, at: 0 } : undefined;
    if (header === undefined || status === undefined) throw damaged({ id, file }, at);
    return { header: decodeHeader(header, { file, ...paths }), status };
  } finally {
    await opened.close();
  }
}

function damaged({ id, file }: Pick<Paths, 'id' | 'file'>, line?: Pick<DamagedLine, 'number' | 'at'>): JournalError {
  const { number, at } = line ?? {};
  const where = number === undefined ? 'its last line' : `line ${number} (at byte ${at})`;
  const cut =
    number === undefined || number === 1
      ? ''
      : `, cut the file to ${at} bytes to continue from line ${number - 1} (later tasks are executed again)`;
  return new JournalError(
    id,
    `has a damaged journal in "${file}": ${where} differs from what was written; restore the file from a backup${cut}, ` +
      'or delete the file and start the run again from its beginning',
  );
}
