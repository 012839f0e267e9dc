import { type Command, InvalidArgumentError } from 'commander';
import type { DeadLettersView, DeadLetterView } from '../../dashboard/api/index.js';
import { documented, whole, withProgram } from '../command.js';
import { usageError } from '../exit-codes.js';
import { writeTable } from '../output/table.js';
import { agoOf } from '../output/times.js';
import type { Session } from '../session.js';
import { type Api, type ProgramFlags, programAt } from '../setup/api.js';

interface LettersFlags extends ProgramFlags {
  readonly loop?: string;
  readonly limit?: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

/** `orchestrator dead-letters`: the dead letters of loops in a running program. */
export function addDeadLetters(parent: Command, session: Session): void {
  const letters = parent
    .command('dead-letters')
    .summary('list and replay dead letters of a running program')
    .description(
      'List and replay dead letters of a running program: the values that nodes of loops failed to process.',
    );
  addList(letters, session);
  addReplay(letters, session);
}

function addList(letters: Command, session: Session): void {
  const command = letters
    .command('list')
    .alias('ls')
    .description('List dead letters, newest first.')
    .option('--loop <id>', 'only dead letters of this loop')
    .option('--limit <count>', 'maximum number of dead letters (default: 50)', whole(1));
  withProgram(command).action(async (flags: LettersFlags) => {
    const query = new URLSearchParams({ limit: String(flags.limit ?? 50) });
    if (flags.loop !== undefined) query.set('loop', flags.loop);
    const view = await programAt(session, flags).get<DeadLettersView>(`dead-letters?${query}`, 'letters');
    if (flags.json === true) return session.stdout.json(view);
    if (view.letters.length === 0) return session.stderr.line('no dead letters');
    write(session, view);
  });
  documented(command, {
    examples: [['orchestrator dead-letters list --loop save', 'the dead letters of one loop']],
    json: `{ letters: { id, loopId, nodeId, iteration, time, value: { text, length, isTruncated },
  error: { name, message, code?, stack?, cause? }, queue? }[], total, dropped }`,
  });
}

function addReplay(letters: Command, session: Session): void {
  const command = letters
    .command('replay')
    .description('Replay dead letters: each goes back to the queue that it came from, or else to its node.')
    .argument('[ids...]', 'ids of the dead letters', collectIds)
    .option('--all', 'replay all dead letters; those that cannot be replayed now are kept');
  withProgram(command).action(async (ids: readonly number[] = [], flags: LettersFlags) => {
    if (ids.length > 0 === (flags.all === true)) throw usageError('give the ids of dead letters, or --all');
    const replayed = await replay(programAt(session, flags), ids);
    if (flags.json === true) session.stdout.json({ replayed });
    else session.stdout.line(`${replayed} replayed`);
  });
  documented(command, {
    examples: [
      ['orchestrator dead-letters replay 17 18', 'replay two of them'],
      ['orchestrator dead-letters replay --all', 'replay all of them'],
    ],
    json: '{ replayed }',
  });
}

async function replay(program: Api, ids: readonly number[]): Promise<number> {
  let replayed = 0;
  for (const body of ids.length === 0 ? [{}] : ids.map((id) => ({ id }))) {
    const answer = await program.post<{ readonly replayed: number }>('dead-letters/replay', body, 'replayed');
    replayed += Number(answer.replayed);
  }
  return replayed;
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

function collectIds(given: string, before: readonly number[] = []): readonly number[] {
  if (!/^\d+$/.test(given)) throw new InvalidArgumentError('It must be the id of a dead letter, a whole number.');
  return [...before, Number(given)];
}
