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

/** `orchestrator dead-letters`: what was in the nodes of loops when they failed, in a program that runs. */
export function addDeadLetters(parent: Command, session: Session): void {
  const letters = parent
    .command('dead-letters')
    .summary('what has failed in the loops of a running program')
    .description('What was in the nodes of loops when they failed, in a running program: look at it, try it again.');
  addList(letters, session);
  addReplay(letters, session);
}

function addList(letters: Command, session: Session): void {
  const command = letters
    .command('list')
    .alias('ls')
    .description('List dead letters, the newest first.')
    .option('--loop <id>', 'only those of this loop')
    .option('--limit <count>', 'how many at most (default: 50)', whole(1));
  withProgram(command).action(async (flags: LettersFlags) => {
    const query = new URLSearchParams({ limit: String(flags.limit ?? 50) });
    if (flags.loop !== undefined) query.set('loop', flags.loop);
    const view = await programAt(session, flags).get<DeadLettersView>(`dead-letters?${query}`, 'letters');
    if (flags.json === true) return session.stdout.json(view);
    if (view.letters.length === 0) return session.stderr.line('no dead letters');
    write(session, view);
  });
  documented(command, {
    examples: [['orchestrator dead-letters list --loop save', 'what has failed in one loop']],
    json: `{ letters: { id, loopId, nodeId, iteration, time, value: { text, length, isTruncated },
  error: { name, message, code?, stack?, cause? }, queue? }[], total, dropped }`,
  });
}

function addReplay(letters: Command, session: Session): void {
  const command = letters
    .command('replay')
    .description('Try dead letters again: they go back into the queue that they came from, else to the node.')
    .argument('[ids...]', 'which', collectIds)
    .option('--all', 'all that there are; what cannot be replayed now stays');
  withProgram(command).action(async (ids: readonly number[] = [], flags: LettersFlags) => {
    if (ids.length > 0 === (flags.all === true)) throw usageError('say which dead letters, by id, or --all');
    const replayed = await replay(programAt(session, flags), ids);
    if (flags.json === true) session.stdout.json({ replayed });
    else session.stdout.line(`${replayed} replayed`);
  });
  documented(command, {
    examples: [
      ['orchestrator dead-letters replay 17 18', 'try two of them again'],
      ['orchestrator dead-letters replay --all', 'try all of them again'],
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
  const rest = dropped === 0 ? '' : `; ${dropped} had to make room for newer ones`;
  if (total > letters.length || dropped > 0) stderr.line(stderr.styled('dim', `${letters.length} of ${total}${rest}`));
}

function collectIds(given: string, before: readonly number[] = []): readonly number[] {
  if (!/^\d+$/.test(given)) throw new InvalidArgumentError('It must be the number of a dead letter.');
  return [...before, Number(given)];
}
