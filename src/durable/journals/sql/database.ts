import { setTimeout as wait } from 'node:timers/promises';
import { Once } from '../../../shared/once.js';
import { judgeSql } from '../../../shared/sql-errors.js';
import { JournalError } from '../../errors.js';
import type { Statements } from './statements.js';

/**
 * A pool of `pg`, or a PGlite. The interface lists only the member that identifies one, so that the types compile even
 * without these packages.
 */
export interface SqlPool {
  query(...args: never[]): unknown;
}

interface Queries {
  query(text: unknown, values?: unknown[]): Promise<{ readonly rows: readonly Row[] }>;
}

export type Row = Readonly<Record<string, unknown>>;

/** Postgres's error codes for a missing right and a missing table. */
const insufficientPrivilege = '42501';
const undefinedTable = '42P01';

/** Time limits, in milliseconds. */
export interface Patience {
  /** For a statement, from its sending to its answer. */
  readonly statement: number;
  /** For the repetitions of a statement while the server is unreachable. */
  readonly repetitions: number;
}

const usualPatience: Patience = { statement: 15_000, repetitions: 20_000 };

/** Milliseconds between two attempts of a statement: at first, and at most. */
const firstPause = 20;
const longestPause = 1_000;

/** Advice for codes of Postgres and for messages of the driver. */
const advice: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [/^28...$/, 'Check the user and the password'],
  [/^3D000$/, 'Create the database, or correct its name'],
  [/^3F000$/, 'Create the schema, or give sqlJournal() another one'],
  [/^42P01$/, 'The table was dropped or renamed while the program ran: restore the table'],
  [/^42(703|P10)$/, 'The table is not one that this version creates: rename the table'],
  [/^25006$/, 'The server, the database or the role is read-only: give the address of the primary server'],
  [/^57014$/, 'Give the role a longer statement_timeout, or find what delays the server'],
  [/^55P03$/, 'Give the role a longer lock_timeout, or find what locks the table'],
  [/^53300$/, 'Allow the server more connections, or give the pools of the programs fewer'],
  [/^53[12]00$/, 'Make room for the server'],
  [/after calling end/, 'Close the journal before its pool ends'],
  [
    /ECONN|E(HOST|NET)(UNREACH|DOWN)|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|^(08|57P)|connection|timeout/i,
    'Check that the server runs and is reachable',
  ],
];

/** Runs the statements of a store. Creates the table before the first one. */
export class JournalDatabase {
  #table: Once<void>;
  readonly #isServer: boolean;

  constructor(
    private readonly pool: SqlPool,
    private readonly statements: Statements,
    private readonly patience: Patience = usualPatience,
  ) {
    const { connect, on } = pool as { readonly connect?: unknown; on?(event: 'error', listener: () => void): unknown };
    this.#isServer = typeof connect === 'function';
    this.#table = new Once(() => this.#create());
    // A connection that breaks while it is idle would end the program. The pool replaces it.
    if (this.#isServer) on?.call(pool, 'error', ignore);
  }

  /**
   * Runs a statement that may run twice with the same effect. It is retried while the server cannot be reached.
   *
   * @param doing - what the statement is for, for messages
   * @throws {JournalError} if the statement fails
   */
  async run(
    id: string | undefined,
    doing: 'recorded' | 'read' | 'listed' | 'deleted',
    text: string,
    values: readonly unknown[],
  ): Promise<readonly Row[]> {
    return this.#explained(id, doing, async () => {
      const end = performance.now() + this.patience.repetitions;
      for (let pause = firstPause; ; pause = Math.min(longestPause, 2 * pause)) {
        try {
          await this.#table.get();
          return await this.#query(text, values);
        } catch (error) {
          // The table is looked for again before the next statement, and created if it is still missing.
          if (Object(error).code === undefinedTable) this.#table = new Once(() => this.#create());
          if (judgeSql(error) !== 'passes' || performance.now() + pause > end) throw error;
          await wait(pause);
        }
      }
    });
  }

  close(): void {
    const { off } = this.pool as { off?(event: 'error', listener: () => void): unknown };
    if (this.#isServer) off?.call(this.pool, 'error', ignore);
  }

  async #create(): Promise<void> {
    const [row] = await this.#query(this.statements.exists, []);
    if (row?.found !== true) await this.#query(this.statements.create, []);
  }

  async #query(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    // A pool of pg takes a limit for a single statement. PGlite has no network that could be silent.
    const query = this.#isServer ? { text, values: [...values], query_timeout: this.patience.statement } : text;
    const { rows } = await (this.pool as unknown as Queries).query(
      query,
      ...(this.#isServer || values.length === 0 ? [] : [[...values]]),
    );
    return rows;
  }

  async #explained<Value>(id: string | undefined, doing: string, work: () => Promise<Value>): Promise<Value> {
    try {
      return await work();
    } catch (error) {
      throw new JournalError(id, `could not be ${doing} in the database: ${this.#reason(error)}`, { cause: error });
    }
  }

  #reason(error: unknown): string {
    const { code } = Object(error) as { readonly code?: unknown };
    const text = `${messageOf(error)}${code === undefined ? '' : ` (${String(code)})`}`;
    if (code === insufficientPrivilege)
      return (
        `${text}. If the table does not exist, have a role that may create it run the following statement, and grant ` +
        `SELECT, INSERT, UPDATE and DELETE on the table to the role of this program:\n${this.statements.create};`
      );
    const known = advice.find(([pattern]) => pattern.test(String(code)) || pattern.test(messageOf(error)));
    return `${text}. ${known?.[1] ?? 'Solve the problem'}, and start the run again`;
  }
}

/** Returns the message of an error. A failure to connect to several addresses has none itself. */
function messageOf(error: unknown): string {
  const { message, errors } = Object(error) as { readonly message?: unknown; readonly errors?: readonly unknown[] };
  return message === '' && errors?.[0] !== undefined ? messageOf(errors[0]) : String(message ?? error);
}

function ignore(): void {}
