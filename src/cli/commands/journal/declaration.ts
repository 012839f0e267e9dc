import { type Command, Option } from 'commander';
import { documented, loaded } from '../../command.js';
import { whole } from '../../options.js';
import type { Session } from '../../session.js';
import type { Status } from './work.js';

const statuses: readonly Status[] = ['running', 'completed', 'failed', 'cancelled'];

/** `orchestrator journal`: durable runs in a directory. */
export function addJournal(parent: Command, session: Session): void {
  const journal = parent
    .command('journal')
    .summary('list, show, signal, cancel and delete durable runs in a directory')
    .description(
      'List, show, signal, cancel and delete durable runs, which programs record with fileJournal(directory).',
    );
  addList(journal, session);
  addShow(journal, session);
  addSignal(journal, session);
  addCancel(journal, session);
  addDelete(journal, session);
}

function addList(parent: Command, session: Session): void {
  const command = parent
    .command('list')
    .alias('ls')
    .description('List runs, newest first.')
    .option('--name <name>', 'only runs with this name')
    .addOption(new Option('--status <status>', 'only runs with this status').choices(statuses));
  withJournal(command).action(loaded(session, async () => (await import('./work.js')).list));
  documented(command, {
    examples: [
      ['orchestrator journal list --journal ./runs', 'all runs of a directory'],
      ['orchestrator journal list --journal ./runs --status running', 'runs that have not ended'],
    ],
    json: '{ runs: { id, name, version?, status, created }[] }   (created in epoch milliseconds)',
    text: 'A run is running until it has ended, also while no program executes it.',
  });
}

function addShow(parent: Command, session: Session): void {
  const command = parent
    .command('show')
    .description('Show a run: its status, the program that executes it, signals that wait, and its last records.')
    .argument('<run-id>', 'id of the run')
    .option('--last <count>', 'number of records to show', whole(0), 20);
  withJournal(command).action(loaded(session, async () => (await import('./work.js')).show));
  documented(command, {
    examples: [
      ['orchestrator journal show import-2026-11 --journal ./runs', 'a run and its last records'],
      ['orchestrator journal show import-2026-11 --journal ./runs --json', 'the same with all records and values'],
    ],
    json: `{ run: { id, name, version?, status, created, input?, result?, error?, lives, owner?, records: object[],
  signals: { number, name }[] } }   (created in epoch milliseconds; owner: the program that executes the run; signals: those
  that no waitFor has taken)`,
  });
}

function addSignal(parent: Command, session: Session): void {
  const command = parent
    .command('signal')
    .description('Send a signal to a run, for its present or its next waitFor of that name.')
    .argument('<run-id>', 'id of the run')
    .argument('<name>', 'name of the signal')
    .option('--value <json>', 'value: JSON, a file with JSON, or - for the standard input (default: none)');
  withJournal(command).action(loaded(session, async () => (await import('./work.js')).signal));
  documented(command, {
    examples: [
      [
        'orchestrator journal signal expense-7 approved --value \'{"by":"eve"}\' --journal ./runs',
        'let a run that waits for an approval continue',
      ],
    ],
    json: '{ id, ok }',
    text: 'The signal is stored. A program that executes the run receives it within a second, or else the next one.',
  });
}

function addCancel(parent: Command, session: Session): void {
  const command = parent
    .command('cancel')
    .description('Cancel a run: the program that executes it aborts it, and it is not continued any more.')
    .argument('<run-id>', 'id of the run');
  withJournal(command).action(loaded(session, async () => (await import('./work.js')).cancel));
  documented(command, {
    examples: [['orchestrator journal cancel import-2026-11 --journal ./runs', 'cancel a run']],
    json: '{ id, ok }',
    text: 'The request is stored. A program that executes the run aborts it within a second.',
  });
}

function addDelete(parent: Command, session: Session): void {
  const command = parent
    .command('delete')
    .alias('rm')
    .description('Delete runs that no program executes. What is deleted cannot be continued.')
    .argument('<run-ids...>', 'ids of the runs');
  withJournal(command).action(loaded(session, async () => (await import('./work.js')).remove));
  documented(command, {
    examples: [['orchestrator journal delete import-2026-11 --journal ./runs', 'delete a run']],
    json: '{ deleted: string[] }',
  });
}

function withJournal(command: Command): Command {
  return command.requiredOption('--journal <directory>', 'directory of the journal');
}
