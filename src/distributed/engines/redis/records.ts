import type { JournalEntry } from '../../contracts.js';
import type { RunRecord, RunStatus } from '../../run-info.js';
import type { Connection } from './scripts.js';

/** Reads the record of a run from its hash. Returns `undefined` if the hash does not exist, or the key has another type. */
export async function readRecord(connection: Connection, key: string): Promise<RunRecord | undefined> {
  const found = await connection.hgetall(key).catch((error: Error) => {
    if (!error.message.startsWith('WRONGTYPE')) throw error;
    return {};
  });
  const fields = Object.entries(found).flat();
  return fields.length === 0 ? undefined : recordFrom(fields).record;
}

/** Converts a record to the fields of a hash. */
export function fieldsOf(record: Partial<RunRecord>): string[] {
  const fields: string[] = [];
  for (const [field, value] of Object.entries(record)) if (value !== undefined) fields.push(field, String(value));
  return fields;
}

/**
 * Converts the fields of a hash to a record, the number of the last entry, and the number of the last entry that the
 * snapshot includes.
 */
export function recordFrom(fields: readonly string[]): {
  readonly record: RunRecord;
  readonly seq: number;
  readonly base: number;
} {
  const found: Record<string, string> = {};
  for (let at = 0; at < fields.length; at += 2) found[fields[at] as string] = fields[at + 1] as string;
  const number = (field: string) => (found[field] === undefined ? undefined : Number(found[field]));
  const record: RunRecord = {
    runId: found.runId as string,
    incarnation: number('incarnation'),
    workflow: found.workflow as string,
    version: found.version as string,
    status: found.status as RunStatus,
    priority: Number(found.priority),
    createdAt: Number(found.createdAt),
    startAt: Number(found.startAt),
    updatedAt: Number(found.updatedAt),
    finishedAt: number('finishedAt'),
    deadline: number('deadline'),
    retention: number('retention'),
    output: found.output,
    error: found.error,
  };
  return { record, seq: Number(found.seq), base: Number(found.base) };
}

/** Parses stored entries, which consist of the time, a space and the text. */
export function entriesFrom(texts: readonly string[], first: number): JournalEntry[] {
  return texts.map((text, index) => {
    const space = text.indexOf(' ');
    return { seq: first + index, time: Number(text.slice(0, space)), text: text.slice(space + 1) };
  });
}
