import type { Commit, CommitAnswer, Engine, NewRun, RunChange } from '../../contracts.js';
import type { RunStatus } from '../../run-info.js';
import { type CommitCall, verdictOf } from '../commits.js';
import type { AskedClock } from '../engine-clock.js';
import { entriesFrom, fieldsOf, readRecord, recordFrom } from './records.js';
import type { RedisCore } from './redis-core.js';
import { Script } from './scripts.js';

const scripts = { begin: new Script('rights', 'begin'), commit: new Script('rights', 'commit') };

type CommitReply = [
  codes: number[],
  status: RunStatus,
  now: string,
  seq: number,
  others: string[] | null,
  changed?: (string | null)[],
];

/** Starts runs and commits entries. When the status of a run has changed, the index is updated in a separate step. */
export class RedisJournals {
  /** @param clock - the server's clock */
  constructor(
    private readonly core: RedisCore,
    private readonly clock: AskedClock,
  ) {}

  async begin({ record, delay, timeout, snapshot }: NewRun): ReturnType<Engine['begin']> {
    const connection = await this.core.connection();
    const { runId } = record;
    const createdAt = await this.clock.now();
    const expected = this.core.index.expect({ ...record, createdAt, finishedAt: undefined });
    const args = [delay, timeout ?? '', snapshot, ...fieldsOf(record)];
    const { keys } = this.core;
    const left = [keys.journal(runId), keys.slots(runId), keys.crashes(runId), keys.states(runId)];
    const begins = scripts.begin.run(connection, [keys.run(runId), keys.snapshot(runId), ...left], args);
    const [answer] = await Promise.all([begins, expected]);
    const [existed, now, fields] = answer as [number, string, string[]];
    const begun = recordFrom(fields);
    await this.core.index.follow(begun.record);
    if (begun.record.workflow !== record.workflow) await this.core.index.disown(runId, record.workflow);
    return { existed: existed === 1, now: Number(now), ...begun };
  }

  /**
   * Commits entries to a run.
   *
   * @param attempt - from 1. An earlier attempt may have been carried out without the update of the index
   */
  async commit({ runId, known, commits, incarnation }: CommitCall, attempt: number): Promise<CommitAnswer | undefined> {
    const connection = await this.core.connection();
    const { keys } = this.core;
    const args = [known, keys.channel, runId, incarnation ?? ''];
    for (const commit of commits) addArgs(args, commit);
    const of = [keys.run(runId), keys.journal(runId), keys.slots(runId), keys.crashes(runId), keys.states(runId)];
    const answer = await scripts.commit.run(connection, of, args);
    if (answer === null) return undefined;
    const [codes, status, now, seq, others, changed] = answer as CommitReply;
    if (changed !== undefined) {
      const [workflow, createdAt, finishedAt, retention] = changed.map((value) => value ?? undefined);
      const times = { createdAt: Number(createdAt), finishedAt: numberOf(finishedAt), retention: numberOf(retention) };
      await this.core.index.follow({ runId, workflow: workflow as string, status, ...times });
    } else if (attempt > 1 || codes.includes(0)) {
      // A program may have died between changing the status and updating the index.
      const record = await readRecord(connection, keys.run(runId));
      if (record !== undefined) await this.core.index.follow(record);
    }
    const entries = others === null ? undefined : entriesFrom(others, known + 1);
    return { verdicts: codes.map(verdictOf), status, now: Number(now), seq, entries };
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
