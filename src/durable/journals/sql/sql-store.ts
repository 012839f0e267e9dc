import { randomUUID } from 'node:crypto';
import { ValidationError } from '../../../shared/errors.js';
import { Once } from '../../../shared/once.js';
import { thisPlace } from '../../../shared/place.js';
import { judgeSql } from '../../../shared/sql-errors.js';
import { thisProgram } from '../../../shared/this-program.js';
import { JournalError, LockedError, SupersededError } from '../../errors.js';
import type {
  JournalCopy,
  JournalHeader,
  JournalOwner,
  JournalQuery,
  JournalSignal,
  JournalStatus,
  JournalStore,
  JournalSummary,
  OpenedRun,
  OpenRequest,
} from '../../journal.js';
import { Appends, type Part } from './appends.js';
import { JournalDatabase, type Patience, type Row, type SqlPool } from './database.js';
import { type Statements, statementsIn } from './statements.js';

/** Maximum length of an id, in bytes: an entry of an index in Postgres must not be longer than 2,700 bytes. */
const longestId = 2_000;

/** Milliseconds between two looks for signals. */
const betweenLooks = 500;

/** Random id of this program, with which the tokens of its owners begin. */
let program: string | undefined;
/** Tokens of the owners in this program that are alive. */
const alive = new Set<string>();

/** Options of `SqlJournalStore`. */
export interface SqlStoreOptions {
  /** Schema of the table. */
  readonly schema: string;
  /** Milliseconds without a sign of life after which the owner of a run counts as dead. */
  readonly lease: number;
  /** Time limits of statements. Default: those of `JournalDatabase`. */
  readonly patience?: Patience | undefined;
}

/**
 * Stores journals in a table of a Postgres database. The owner of a run sets a time in its header at an interval. An
 * owner that has been silent for longer than the lease has lost the run, and so has one whose process is seen to be
 * dead, which programs on its machine notice at once. An owner in this program that could not release its run is known
 * to be dead as well.
 */
export class SqlJournalStore implements JournalStore {
  readonly #database: JournalDatabase;
  readonly #statements: Statements;
  readonly #appends: Appends<SqlOwner>;
  /** The open runs, by the token of their owner. */
  readonly #owners = new Map<string, SqlOwner>();
  readonly #place = new Once(thisPlace);
  #timer: NodeJS.Timeout | undefined = undefined;
  #lastBeat = 0;

  constructor(
    pool: SqlPool,
    private readonly options: SqlStoreOptions,
  ) {
    this.#statements = statementsIn(options.schema);
    this.#database = new JournalDatabase(pool, this.#statements, options.patience);
    this.#appends = new Appends((parts) => this.#append(parts));
  }

  async open(request: OpenRequest): Promise<OpenedRun | undefined> {
    checkId(request.id);
    const token = `${ofThisProgram()}${randomUUID()}`;
    alive.add(token);
    try {
      const claimed = await this.#claim(request, token);
      if (claimed !== undefined) return await this.#openClaimed(request, token, claimed);
    } catch (error) {
      alive.delete(token);
      throw error;
    }
    alive.delete(token);
    return undefined;
  }

  async #openClaimed(request: OpenRequest, token: string, claimed: Row): Promise<OpenedRun> {
    const { id, header } = request;
    const ground = {
      appends: this.#appends,
      database: this.#database,
      statements: this.#statements,
      onEnd: () => this.#forget(token),
    };
    try {
      const run = claimed.is_new === true && header !== undefined ? emptyRun(header) : await this.#read(id);
      // Between the two statements the run can only be deleted after the lease, but not by programs that obey it.
      if (run === undefined) throw new SupersededError(id, 'it was deleted');
      const { status, records, signals } = run;
      const owner = new SqlOwner(id, token, run, request, ground);
      this.#owners.set(token, owner);
      this.#start();
      return { header: run.header, status, records, signals, owner };
    } catch (error) {
      await this.#database.run(id, 'recorded', this.#statements.release, [id, token]).catch(ignore);
      throw error;
    }
  }

  async #read(id: string) {
    return runOf(id, await this.#database.run(id, 'read', this.#statements.read, [id, this.options.lease]));
  }

  /**
   * @returns `undefined` if the run is unknown and no header is given
   * @throws {LockedError} if the run has a living owner
   */
  async #claim({ id, header }: OpenRequest, token: string): Promise<Row | undefined> {
    const place = await this.#place.get();
    const { claim, reclaim } = this.#statements;
    return this.#whenFree(id, header !== undefined, (dead) => {
      const common = [id, this.options.lease, dead, token, thisProgram(), place.id];
      return header === undefined
        ? this.#database.run(id, 'recorded', reclaim, common)
        : this.#database.run(id, 'recorded', claim, [...common, ...columnsOf(header)]);
    });
  }

  /**
   * Makes a change that takes effect only if the run has no owner. Repeats it if the owner is seen to be dead.
   *
   * @param isCreated - if true, the change creates the run if it is unknown
   * @param change - its argument is an owner that is dead, or empty. Returns a row if it has taken effect
   * @returns the row, or `undefined` if the run is unknown
   * @throws {LockedError} if the run has a living owner
   */
  async #whenFree(
    id: string,
    isCreated: boolean,
    change: (dead: string) => Promise<readonly Row[]>,
  ): Promise<Row | undefined> {
    for (let dead = ''; ; ) {
      const [changed] = await change(dead);
      if (changed !== undefined) return changed;
      const [found] = await this.#database.run(id, 'read', this.#statements.holder, [id]);
      if (found === undefined && !isCreated) return undefined;
      // The run may have been released or deleted meanwhile.
      if (found?.owner == null) continue;
      if (!(await this.#isDead(found))) throw new LockedError(id, String(found.holder));
      dead = String(found.owner);
    }
  }

  /** Returns true if the owner of a run is certainly dead. */
  async #isDead({ owner, place }: Row): Promise<boolean> {
    const token = String(owner);
    if (token.startsWith(ofThisProgram())) return !alive.has(token);
    return (await this.#place.get()).isDead(String(place));
  }

  async signal(id: string, text: string): Promise<number | undefined> {
    checkId(id);
    const token = randomUUID();
    for (;;) {
      const [row] = await this.#database.run(id, 'recorded', this.#statements.signal, [id, text, token]);
      // An earlier sending, whose answer was lost, has taken effect while this one was waiting.
      if (row?.number === null) continue;
      if ([...this.#owners.values()].some((owner) => owner.id === id)) void this.#look().catch(ignore);
      return row?.number as number | undefined;
    }
  }

  async read(id: string): Promise<JournalCopy | undefined> {
    checkId(id);
    const run = await this.#read(id);
    if (run === undefined) return undefined;
    const { header, status, records, signals, isOwned, holder } = run;
    const isFree = !isOwned || (await this.#isDead(run));
    return { header, status, records, signals, owner: isFree ? undefined : holder };
  }

  async list({ name, status }: JournalQuery): Promise<readonly JournalSummary[]> {
    const conditions = Object.entries({ name, status }).filter(([, value]) => value !== undefined);
    const where = conditions.map(([column], index) => ` and ${column} = $${index + 1}`).join('');
    const text = `${this.#statements.list}${where} order by created, id`;
    const rows = await this.#database.run(
      undefined,
      'listed',
      text,
      conditions.map(([, value]) => value),
    );
    return rows.map((row) => ({
      id: String(row.id),
      name: String(row.name),
      ...(row.version === null ? {} : { version: String(row.version) }),
      created: Number(row.created),
      status: row.status as JournalStatus,
    }));
  }

  async delete(id: string): Promise<boolean> {
    checkId(id);
    const { lease } = this.options;
    const gone = await this.#whenFree(id, false, (dead) =>
      this.#database.run(id, 'deleted', this.#statements.delete, [id, lease, dead]),
    );
    if (gone === undefined) return false;
    // A signal that was being stored at the same time is left.
    await this.#database.run(id, 'deleted', this.#statements.purge, [id]);
    return true;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#owners.values()].map((owner) => owner.close()));
    this.#database.close();
  }

  async #append(parts: readonly Part<SqlOwner>[]): Promise<readonly unknown[]> {
    const [first] = parts;
    const id = parts.length === 1 ? first?.owner.id : undefined;
    try {
      const rows = await this.#database.run(id, 'recorded', ...this.#appendOf(parts));
      const held = new Set(rows.map(({ owner }) => owner));
      return parts.map(({ owner }) => (held.has(owner.token) ? undefined : new SupersededError(owner.id)));
    } catch (error) {
      if (parts.length === 1 || judgeSql(Object(error).cause) === 'passes') return parts.map(() => error);
      // The texts of one run may be the cause, which must not end the others.
      return (await Promise.all(parts.map((part) => this.#append([part])))).flat();
    }
  }

  /** Returns the statement that appends texts, and its values. */
  #appendOf(parts: readonly Part<SqlOwner>[]): readonly [text: string, values: readonly unknown[]] {
    const { append, appendOne, appendOneWithStatus } = this.#statements;
    const [one, another] = parts;
    if (one !== undefined && another === undefined) {
      const { owner, first, texts, status } = one;
      const values = [owner.id, owner.token, texts.map((_, index) => first + index), texts];
      return status === undefined ? [appendOne, values] : [appendOneWithStatus, [...values, status]];
    }
    const lines = parts.flatMap(({ owner, first, texts }) =>
      texts.map((text, index) => ({ owner, seq: first + index, text })),
    );
    const marks = parts.filter(({ status }) => status !== undefined);
    const values = [
      parts.map(({ owner }) => owner.id),
      lines.map(({ owner }) => owner.id),
      lines.map(({ owner }) => owner.token),
      lines.map(({ seq }) => seq),
      lines.map(({ text }) => text),
      marks.map(({ owner }) => owner.id),
      marks.map(({ owner }) => owner.token),
      marks.map(({ status }) => status),
    ];
    return [append, values];
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    this.#lastBeat = performance.now();
    this.#plan();
  }

  #plan(): void {
    this.#timer = setTimeout(() => void this.#turn(), betweenLooks).unref();
  }

  async #turn(): Promise<void> {
    // Errors are ignored, because the next turn tries again. Appends report them.
    await this.#look().catch(ignore);
    if (performance.now() - this.#lastBeat > this.options.lease / 6) await this.#beat().catch(ignore);
    if (this.#owners.size > 0) this.#plan();
    else this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const owners = [...this.#owners.values()];
    if (owners.length === 0) return;
    const rows = await this.#database.run(undefined, 'read', this.#statements.signals, [
      owners.map(({ id }) => id),
      owners.map(({ token }) => token),
      owners.map(({ known }) => known),
    ]);
    for (const row of rows)
      this.#owners.get(String(row.owner))?.take({ number: Number(row.number), text: String(row.text) });
  }

  async #beat(): Promise<void> {
    this.#lastBeat = performance.now();
    const owners = [...this.#owners.values()];
    const rows = await this.#database.run(undefined, 'recorded', this.#statements.beat, [
      owners.map(({ id }) => id),
      owners.map(({ token }) => token),
    ]);
    const held = new Set(rows.map(({ owner }) => owner));
    for (const owner of owners) if (!held.has(owner.token)) owner.lose(new SupersededError(owner.id));
  }

  #forget(token: string): void {
    this.#owners.delete(token);
    if (this.#owners.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

interface Ground {
  readonly appends: Appends<SqlOwner>;
  readonly database: JournalDatabase;
  readonly statements: Statements;
  readonly onEnd: () => void;
}

class SqlOwner implements JournalOwner {
  /** Number of the last signal that was reported. */
  known: number;
  /** Number of the last record or rewrite. */
  #last: number;
  #failure: { readonly error: unknown } | undefined = undefined;
  #appending: Promise<void> | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;

  constructor(
    readonly id: string,
    readonly token: string,
    { last, known }: { readonly last: number; readonly known: number },
    private readonly calls: Pick<OpenRequest, 'onSignal' | 'onSuperseded'>,
    private readonly ground: Ground,
  ) {
    this.#last = last;
    this.known = known;
  }

  append(texts: readonly string[], status?: JournalStatus): Promise<void> {
    this.#appending = this.#append(texts, status);
    return this.#appending;
  }

  async #append(texts: readonly string[], status: JournalStatus | undefined): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#closing !== undefined) throw this.#closed();
    const first = this.#last + 1;
    this.#last += texts.length;
    try {
      await this.ground.appends.add({ owner: this, first, texts, status });
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async rewrite(header: JournalHeader, records: readonly string[], consumed: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const { id, token } = this;
    const { database, statements } = this.ground;
    // The rewrite has a number of its own, which no record has.
    const base = ++this.#last;
    try {
      const values = [id, token, base, consumed, records, ...columnsOf(header)];
      const held = await database.run(id, 'recorded', statements.rewrite, values);
      if (held.length === 0) throw new SupersededError(id);
      this.#last = base + records.length;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  take(signal: JournalSignal): void {
    if (signal.number <= this.known || this.#closing !== undefined) return;
    this.known = signal.number;
    this.calls.onSignal(signal);
  }

  lose(error: SupersededError): void {
    if (this.#closing !== undefined) return;
    this.#failure ??= { error };
    this.calls.onSuperseded(error);
    void this.close();
  }

  #fail(error: unknown): unknown {
    this.#failure ??= { error };
    if (error instanceof SupersededError) this.lose(error);
    return this.#failure.error;
  }

  #closed(): JournalError {
    return new JournalError(this.id, 'is closed: start it again');
  }

  async #close(): Promise<void> {
    const { database, statements, onEnd } = this.ground;
    await this.#appending?.catch(ignore);
    this.#failure ??= { error: this.#closed() };
    onEnd();
    await database.run(this.id, 'recorded', statements.release, [this.id, this.token]).catch(ignore);
    alive.delete(this.token);
  }
}

/** The columns of a header, in the order of the statements: text, name, version, created. */
function columnsOf(header: JournalHeader): readonly unknown[] {
  return [JSON.stringify(header), header.name, header.version ?? null, header.created];
}

/** A run that was just created. */
function emptyRun(header: JournalHeader) {
  return { header, status: 'running' as const, records: [], signals: [], last: 0, known: 0 };
}

/**
 * Reads the rows of a run. Returns `undefined` if it has no header.
 *
 * @throws {JournalError} if the header is damaged
 */
function runOf(id: string, rows: readonly Row[]) {
  const first = rows.findIndex(({ seq }) => seq === 0);
  const row = rows[first];
  if (row === undefined) return undefined;
  const signals = rows.slice(0, first).map(({ seq, text }) => ({ number: -Number(seq), text: String(text) }));
  signals.reverse();
  const records = rows.slice(first + 1);
  return {
    header: headerOf(id, String(row.text)),
    status: row.status as JournalStatus,
    signals,
    records: records.map(({ text }) => String(text)),
    last: Number(records.at(-1)?.seq ?? row.base),
    known: Number(signals.at(-1)?.number ?? row.consumed),
    isOwned: row.owner !== null && row.is_silent !== true,
    owner: row.owner,
    holder: String(row.holder),
    place: row.place,
  };
}

function headerOf(id: string, text: string): JournalHeader {
  try {
    return JSON.parse(text) as JournalHeader;
  } catch (cause) {
    const problem = 'has a damaged header (the row with seq 0): restore the row, or delete the run';
    throw new JournalError(id, problem, { cause });
  }
}

/** The beginning of all tokens of this program. Drawn at the first use, because workerd refuses that while it loads modules. */
function ofThisProgram(): string {
  program ??= randomUUID();
  return `${program}/`;
}

function checkId(id: string): void {
  const length = Buffer.byteLength(id);
  if (length > longestId)
    throw new ValidationError(`id must be at most ${longestId} bytes long to be stored in a database, got ${length}`);
}

function ignore(): void {}
