import { type Command, InvalidArgumentError } from 'commander';
import { documented, loaded } from '../../command.js';
import { whole, withProgram } from '../../options.js';
import type { Session } from '../../session.js';

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
  withProgram(command).action(loaded(session, async () => (await import('./work.js')).list));
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
  withProgram(command).action(loaded(session, async () => (await import('./work.js')).replay));
  documented(command, {
    examples: [
      ['orchestrator dead-letters replay 17 18', 'replay two of them'],
      ['orchestrator dead-letters replay --all', 'replay all of them'],
    ],
    json: '{ replayed }',
  });
}

function collectIds(given: string, before: readonly number[] = []): readonly number[] {
  if (!/^\d+$/.test(given)) throw new InvalidArgumentError('It must be the id of a dead letter, a whole number.');
  return [...before, Number(given)];
}
