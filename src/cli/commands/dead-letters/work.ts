import type { DeadLettersView, DeadLetterView } from '../../../dashboard/api/index.js';
import { usageError } from '../../exit-codes.js';
import { writeTable } from '../../output/table.js';
import { agoOf } from '../../output/times.js';
import type { Session } from '../../session.js';
import { type Api, type ProgramFlags, programAt } from '../../setup/api.js';

interface LettersFlags extends ProgramFlags {
  readonly loop?: string;
  readonly limit?: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

/** Lists dead letters. */
export async function list(session: Session, flags: LettersFlags): Promise<void> {
  const query = new URLSearchParams({ limit: String(flags.limit ?? 50) });
  if (flags.loop !== undefined) query.set('loop', flags.loop);
  const view = await programAt(session, flags).get<DeadLettersView>(`dead-letters?${query}`, 'letters');
  if (flags.json === true) return session.stdout.json(view);
  if (view.letters.length === 0) return session.stderr.line('no dead letters');
  write(session, view);
}

/** Replays the dead letters with these ids, or all. */
export async function replay(session: Session, ids: readonly number[] = [], flags: LettersFlags): Promise<void> {
  if (ids.length > 0 === (flags.all === true)) throw usageError('give the ids of dead letters, or --all');
  const replayed = await replayEach(programAt(session, flags), ids);
  if (flags.json === true) session.stdout.json({ replayed });
  else session.stdout.line(`${replayed} replayed`);
}

async function replayEach(program: Api, ids: readonly number[]): Promise<number> {
  let count = 0;
  for (const body of ids.length === 0 ? [{}] : ids.map((id) => ({ id }))) {
    const answer = await program.post<{ readonly replayed: number }>('dead-letters/replay', body, 'replayed');
    count += Number(answer.replayed);
  }
  return count;
}

function write({ stdout, stderr }: Session, { letters, total, dropped }: DeadLettersView): void {
  const now = Date.now();
  const lineOf = ({ value }: DeadLetterView) => value.text.replace(/\s+/g, ' ');
  writeTable(stdout, letters, [
    { title: 'ID', value: ({ id }) => id, align: 'right' },
    { title: 'LOOP', value: ({ loopId }) => loopId, least: 8 },
    { title: 'NODE', value: ({ nodeId }) => nodeId, least: 8 },
    { title: 'WHEN', value: ({ time }) => agoOf(time, now), align: 'right' },
    { title: 'ERROR', value: ({ error }) => error.message, least: 16 },
    { title: 'VALUE', value: lineOf, least: 8 },
  ]);
  const rest = dropped === 0 ? '' : `; ${dropped} older ones were dropped to make room`;
  if (total > letters.length || dropped > 0) stderr.line(stderr.styled('dim', `${letters.length} of ${total}${rest}`));
}
