import assert from 'node:assert/strict';
import { newId } from '../../../shared/conformance.js';
import { LockedError } from '../../errors.js';
import type { JournalHeader, JournalSignal, JournalStore, OpenedRun } from '../../journal.js';

/**
 * Options of `journalStoreConformanceOf`: functions that create the store under test, and functions that provoke
 * situations which only the author of the store can provoke. The store needs storage of its own that is empty at the
 * start; the tests close every store that they create.
 */
export interface JournalStoreOptions {
  /** The name of the store, used as a prefix of the test names. */
  readonly name: string;
  /** Creates a store with empty storage. Called once. */
  readonly create: () => Promise<JournalStore>;
  /**
   * Creates a second store with the same storage, as another program would. Default: the first store is used for both.
   */
  readonly again?: (() => Promise<JournalStore>) | undefined;
  /**
   * Opens a run that exists in another program, appends `["from", "the other program"]` as JSON, and kills the program.
   * Resolves after the kill. Default: not tested.
   */
  readonly openAndDie?: ((id: string) => Promise<void>) | undefined;
  /**
   * Makes the owner of a run lose it, as if its program had been suspended for a long time. Default: not tested.
   */
  readonly loseRun?: ((id: string) => Promise<void>) | undefined;
  /** Milliseconds after which the run of a dead or suspended program can be opened. Default: 60000. */
  readonly takeover?: number | undefined;
}

/** The context of a group of tests: functions to register tests, and the stores under test. */
export interface JournalStoreSuite extends Pick<JournalStoreOptions, 'again' | 'openAndDie' | 'loseRun' | 'takeover'> {
  describe(name: string, tests: () => void): void;
  it(name: string, test: () => Promise<void>): void;
  /** The store under test. Available while tests run. */
  readonly store: JournalStore;
  /** A second store with the same storage, or the first one if the options have no `again`. */
  readonly other: JournalStore;
}

/** A run that a test has opened, and what was reported to its owner. */
export interface Held extends OpenedRun {
  readonly id: string;
  readonly reported: JournalSignal[];
  readonly losses: Error[];
}

export function aHeader(given: Partial<JournalHeader> = {}): JournalHeader {
  return { id: newId(), name: 'a name', created: Date.now(), ...given };
}

/** Opens a run, which is created if it does not exist. */
export async function opened(store: JournalStore, header: JournalHeader): Promise<Held> {
  return holding(store, header.id, header);
}

/** Opens a run that exists. */
export async function reopened(store: JournalStore, id: string): Promise<Held> {
  return holding(store, id, undefined);
}

async function holding(store: JournalStore, id: string, header: JournalHeader | undefined): Promise<Held> {
  const reported: JournalSignal[] = [];
  const losses: Error[] = [];
  const run = await store.open({
    id,
    header,
    onSignal: (signal) => reported.push(signal),
    onSuperseded: (error) => losses.push(error),
  });
  assert.ok(run !== undefined, 'the run is known');
  return { ...run, id, reported, losses };
}

/** Creates a run with records, and gives it up. */
export async function created(store: JournalStore, records: readonly string[], given: Partial<JournalHeader> = {}) {
  const header = aHeader(given);
  const { owner } = await opened(store, header);
  for (const text of records) await owner.append([text]);
  await owner.close();
  return header;
}

/** Opens a run as another program finds it, and gives it up again. */
export async function found(store: JournalStore, id: string): Promise<OpenedRun> {
  const run = await reopened(store, id);
  await run.owner.close();
  return run;
}

/** Asserts that a call rejects because the run has an owner. */
export async function locked(call: Promise<unknown>, id: string): Promise<LockedError> {
  const error = await call.then(
    () => assert.fail('it is refused'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof LockedError, `${error} is a LockedError`);
  assert.equal(error.runId, id);
  return error;
}

/** Encodes a text as a line of JSON. */
export function json(value: unknown): string {
  return JSON.stringify(value);
}

/** The record that `openAndDie` appends. */
export const recordOfDead = json(['from', 'the other program']);
