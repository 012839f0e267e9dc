import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  fileJournal,
  type Journal,
  type JournalRun,
  type JournalSummary,
  LockedError,
} from '../../../durable/index.js';
import { CliError, exitCodes, usageError } from '../../exit-codes.js';
import { coloured, styleOf } from '../../output/statuses.js';
import { writeFields, writeTable } from '../../output/table.js';
import { harmless, oneLine } from '../../output/text.js';
import { agoOf, timeOf } from '../../output/times.js';
import type { Session } from '../../session.js';
import { readValue } from '../../setup/input.js';

interface JournalFlags {
  readonly journal: string;
  readonly json?: boolean;
}

/** Status of a durable run. */
export type Status = JournalSummary['status'];

interface ListFlags extends JournalFlags {
  readonly name?: string;
  readonly status?: Status;
}

interface SignalFlags extends JournalFlags {
  readonly value?: string;
}

interface ShowFlags extends JournalFlags {
  readonly last: number;
}

/** Lists runs. */
export function list(session: Session, flags: ListFlags): Promise<void> {
  return using(session, flags, async (journal) => {
    const { name, status } = flags;
    const errors: Error[] = [];
    const onError = (error: Error) => errors.push(error);
    const runs = [...(await journal.list({ name, status, onError }))].reverse();
    if (flags.json === true) session.stdout.json({ runs });
    else if (runs.length === 0 && errors.length === 0) session.stderr.line('no runs');
    else writeList(session, runs);
    for (const { message } of errors) session.stderr.line(oneLine(message));
    const count = errors.length === 1 ? '1 run' : `${errors.length} runs`;
    if (errors.length > 0) throw new CliError(`${count} cannot be read`, exitCodes.failed);
  });
}

function writeList({ stdout }: Session, runs: readonly JournalSummary[]): void {
  const now = Date.now();
  writeTable(stdout, runs, [
    { title: 'RUN', value: ({ id }) => id, least: 12 },
    { title: 'STATUS', value: ({ status }) => status, style: ({ status }) => styleOf(status) },
    { title: 'NAME', value: ({ name }) => name, least: 8 },
    { title: 'VERSION', value: ({ version = '' }) => version },
    { title: 'CREATED', value: ({ created }) => agoOf(created, now), align: 'right' },
  ]);
}

/** Shows a run. */
export function show(session: Session, id: string, flags: ShowFlags): Promise<void> {
  return using(session, flags, async (journal) => {
    const run = await known(journal, id, flags);
    const records = run.records.map((text) => JSON.parse(text) as unknown);
    const error = run.error === undefined ? undefined : String(run.error);
    if (flags.json === true) session.stdout.json({ run: { ...run, error, records } });
    else writeRun(session, run, flags.last);
  });
}

function writeRun({ stdout }: Session, run: JournalRun, last: number): void {
  const { id, name, version, status, created, lives, owner, error, records, signals } = run;
  writeFields(stdout, [
    ['run', oneLine(id)],
    ['name', oneLine(version === undefined ? name : `${name} (version ${version})`)],
    ['status', coloured(stdout, status)],
    ['executed by', owner === undefined ? 'no program' : oneLine(owner)],
    ['created', timeOf(created)],
    ['lives', String(lives)],
    ['records', String(records.length)],
    ...(signals.length === 0 ? [] : [['signals', signals.map(nameOf).join(', ')] as const]),
    ...(error === undefined ? [] : [['error', oneLine(String(error))] as const]),
  ]);
  if (last === 0 || records.length === 0) return;
  stdout.line();
  for (const record of records.slice(-last)) stdout.line(harmless(oneLine(record)));
}

function nameOf({ number, name }: JournalRun['signals'][number]): string {
  return `${oneLine(name)} (${number})`;
}

/** Sends a signal to a run. */
export function signal(session: Session, id: string, name: string, flags: SignalFlags): Promise<void> {
  return using(session, flags, async (journal) => {
    const value = flags.value === undefined ? undefined : await readValue(session.io, '--value', flags.value);
    await known(journal, id, flags);
    await journal.signal(id, name, value);
    if (flags.json === true) session.stdout.json({ id, ok: true });
    else session.stdout.line(`${oneLine(id)} has received ${oneLine(name)}`);
  });
}

/** Cancels a run. */
export function cancel(session: Session, id: string, flags: JournalFlags): Promise<void> {
  return using(session, flags, async (journal) => {
    const { status } = await known(journal, id, flags);
    if (status === 'completed') throw new CliError(`run "${id}" has completed`, exitCodes.conflict);
    await journal.cancel(id);
    if (flags.json === true) session.stdout.json({ id, ok: true });
    else session.stdout.line(`${oneLine(id)} cancelled`);
  });
}

/** Deletes runs. */
export function remove(session: Session, ids: readonly string[], flags: JournalFlags): Promise<void> {
  return using(session, flags, async (journal) => {
    for (const id of ids) if (!(await journal.delete(id))) throw unknown(id, flags);
    if (flags.json === true) session.stdout.json({ deleted: ids });
    else for (const id of ids) session.stdout.line(`${oneLine(id)} deleted`);
  });
}

/** Runs `work` on the journal, and closes it. */
async function using(
  session: Session,
  { journal: given }: JournalFlags,
  work: (journal: Journal) => Promise<void>,
): Promise<void> {
  const directory = resolve(session.io.cwd, given);
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true) throw usageError(`--journal: "${given}" is not a directory`);
  const journal = fileJournal(directory);
  try {
    await work(journal);
  } catch (cause) {
    if (cause instanceof LockedError) throw new CliError(cause.message, exitCodes.conflict, { cause });
    throw cause;
  } finally {
    await journal.close();
  }
}

async function known(journal: Journal, id: string, flags: JournalFlags): Promise<JournalRun> {
  const run = await journal.get(id);
  if (run === undefined) throw unknown(id, flags);
  return run;
}

function unknown(id: string, { journal }: JournalFlags): CliError {
  return new CliError(`there is no run "${id}" in "${journal}"`, exitCodes.notFound);
}
