import type { Commit, CommitAnswer, Engine, NewRun, RunChange } from '../../contracts.js';
import type { RunStatus } from '../../run-info.js';
import { Batcher } from '../batcher.js';
import { type CommitCall, sizeOf, verdictOf } from '../commits.js';
import type { AskedClock } from '../engine-clock.js';
import { limitOfCalls, type Persistence, persistently } from '../persistence.js';
import { entriesFrom, fieldsOf, readRecord, recordFrom } from './records.js';
import type { RedisCore } from './redis-core.js';
import { Script } from './scripts.js';

const scripts = { begin: new Script('rights', 'begin'), commit: new Script('rights', 'commit') };

/** The reply to a call: `null` if the run is unknown, an error if the call has failed among others. */
type CommitReply =
  | [codes: number[], status: RunStatus, now: string, seq: number, others: string[] | null, changed?: (string | null)[]]
  | Error
  | null;

/** Maximum number of batches in flight. */
const width = 4;

/**
 * Starts runs and commits entries. Commits to several runs are sent in one script, except to a cluster, where the keys of
 * runs are on different nodes. When the status of a run has changed, the index is updated in a separate step.
 */
export class RedisJournals {
  readonly #batcher: Batcher<CommitCall, CommitReply>;
  /** If true, the address leads to several servers behind a proxy, which takes only keys of one slot in a script. */
  #isSlotted = false;

  /** @param clock - the server's clock */
  constructor(
    private readonly core: RedisCore,
    private readonly clock: AskedClock,
    private readonly persistence: Persistence,
  ) {
    this.#batcher = new Batcher((calls) => this.#sendTogether(calls), width, sizeOf, limitOfCalls(persistence));
  }

  async begin({ record, delay, timeout, snapshot }: NewRun): ReturnType<Engine['begin']> {
    const connection = await this.core.connection();
    const { runId } = record;
    const createdAt = await this.clock.now();
    const expected = this.core.index.expect({ ...record, createdAt, finishedAt: undefined }, connection);
    const args = [delay, timeout ?? '', createdAt, snapshot, ...fieldsOf(record)];
    const { keys } = this.core;
    const left = [keys.journal(runId), keys.slots(runId), keys.crashes(runId), keys.states(runId)];
    const begins = scripts.begin.run(connection, [keys.run(runId), keys.snapshot(runId), ...left], args);
    const [answer] = await Promise.all([begins, expected]);
    const [existed, now, fields] = answer as [number, string, string[]];
    const begun = recordFrom(fields);
    // On one server, the script has come after the index, so its answer shows that the index is right.
    const isListed = existed === 0 && begun.record.createdAt === createdAt && !connection.isCluster;
    if (!isListed) await this.core.index.follow(begun.record);
    if (begun.record.workflow !== record.workflow) await this.core.index.disown(runId, record.workflow);
    return { existed: existed === 1, now: Number(now), ...begun };
  }

  async commit(call: CommitCall): Promise<CommitAnswer | undefined> {
    const isTogether = this.core.opened?.isCluster === false && !this.#isSlotted;
    const together = isTogether ? await this.#batcher.add(call) : undefined;
    // A call that has failed among others is tried again alone, so that its error is its own.
    const reply = together === undefined || together instanceof Error ? (await this.#send([call]))[0] : together;
    if (reply instanceof Error) throw reply;
    if (reply === null || reply === undefined) return undefined;
    const { runId, known } = call;
    const [codes, status, now, seq, others, changed] = reply;
    if (changed !== undefined) {
      const [workflow, createdAt, finishedAt, retention] = changed.map((value) => value ?? undefined);
      const times = { createdAt: Number(createdAt), finishedAt: numberOf(finishedAt), retention: numberOf(retention) };
      const filed = { runId, workflow: workflow as string, status, ...times };
      await persistently(this.persistence, () => this.core.index.follow(filed));
    } else if (codes.includes(0)) await persistently(this.persistence, () => this.#file(runId));
    const entries = others === null ? undefined : entriesFrom(others, known + 1);
    return { verdicts: codes.map(verdictOf), status, now: Number(now), seq, entries };
  }

  async #sendTogether(calls: readonly CommitCall[]): Promise<readonly CommitReply[]> {
    try {
      return await this.#send(calls);
    } catch (error) {
      if (calls.length === 1 || !String(error).includes('CROSSSLOT')) throw error;
      this.#isSlotted = true;
      return calls.map(() => error as Error);
    }
  }

  /** Sends calls in one script. */
  #send(calls: readonly CommitCall[]): Promise<readonly CommitReply[]> {
    return persistently(this.persistence, async ({ number }) => {
      const connection = await this.core.connection();
      const { keys } = this.core;
      const of: string[] = [];
      const args: (string | number)[] = [keys.channel];
      for (const { runId, known, commits, incarnation } of calls) {
        of.push(keys.run(runId), keys.journal(runId), keys.slots(runId), keys.crashes(runId), keys.states(runId));
        args.push(commits.length, known, runId, incarnation ?? '');
        for (const commit of commits) addArgs(args, commit);
      }
      const replies = await scripts.commit.run(connection, of, args);
      // An earlier attempt may have changed the status of a run without the update of the index.
      if (number > 1) await Promise.all(calls.map(({ runId }) => this.#file(runId)));
      return replies as CommitReply[];
    });
  }

  /** Lists a run under its status. A program may have died between changing the status and updating the index. */
  async #file(runId: string): Promise<void> {
    const record = await readRecord(await this.core.connection(), this.core.keys.run(runId));
    if (record !== undefined) await this.core.index.follow(record);
  }
}

/**
 * Appends the arguments of a commit to a shared list. A list per commit would cost too much, because a commit has many
 * arguments.
 */
function addArgs(args: (string | number)[], commit: Commit): void {
  const { text, during, slot = '', number = 0, onlyIfNext, withPrevious, becomes, becomesIfNext } = commit;
  const condition = withPrevious ? 2 : onlyIfNext ? 1 : 0;
  args.push(text, during.join(','), slot, number, condition);
  addChange(args, becomesIfNext);
  addChange(args, becomes);
}

function addChange(args: (string | number)[], change: RunChange | undefined): void {
  if (change === undefined) return void args.push('');
  const { status, output, error } = change;
  args.push(status, output === undefined ? 0 : 1, output ?? '', error === undefined ? 0 : 1, error ?? '');
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
