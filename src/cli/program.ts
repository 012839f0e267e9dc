import { Command } from 'commander';
import { version } from '../shared/version.js';
import { addCompletion } from './commands/completion/declaration.js';
import { addDashboard } from './commands/dashboard/declaration.js';
import { addDeadLetters } from './commands/dead-letters/declaration.js';
import { addGraph } from './commands/graph/declaration.js';
import { addJournal } from './commands/journal/declaration.js';
import { addLoops } from './commands/loops/declaration.js';
import { addMigrate } from './commands/migrate/declaration.js';
import { addOrchestrate } from './commands/orchestrate/declaration.js';
import { addRun } from './commands/run/declaration.js';
import { addRuns } from './commands/runs/declaration.js';
import { addWorker } from './commands/worker/declaration.js';
import { addWorkers } from './commands/workers/declaration.js';
import { meanings } from './exit-codes.js';
import { harmless } from './output/text.js';
import type { Session } from './session.js';

const commands = [
  addRun,
  addGraph,
  addWorker,
  addOrchestrate,
  addRuns,
  addWorkers,
  addJournal,
  addMigrate,
  addLoops,
  addDeadLetters,
  addDashboard,
  addCompletion,
];

/** The tree of commands. */
export function programOf(session: Session): Command {
  const program = new Command('orchestrator');
  const { stdout, stderr } = session;
  program
    .description('Run flows, start workers, and manage runs and loops.')
    .version(version, '--version', 'write the version')
    .option('--verbose', 'show stacks of errors')
    .option('--no-color', 'no colours (also: NO_COLOR)')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showSuggestionAfterError()
    .exitOverride()
    .hook('preAction', (_program, command) => session.configure(command.optsWithGlobals()))
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: 20, styleTitle: (title) => stdout.styled('bold', title) })
    .configureOutput({
      writeOut: (text) => stdout.text(text),
      writeErr: (text) => stderr.text(text),
      getOutHelpWidth: () => Math.min(stdout.width, 100),
      getErrHelpWidth: () => Math.min(stderr.width, 100),
      getOutHasColors: () => stdout.isColoured,
      getErrHasColors: () => stderr.isColoured,
      outputError: (text, write) => write(harmless(text).replace(/^error:/, stderr.styled('red', 'error:'))),
    })
    .addHelpText('after', `\n${exitCodeText()}`);
  for (const add of commands) add(program, session);
  return program;
}

function exitCodeText(): string {
  const lines = meanings.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`);
  return `Exit codes:\n${lines.join('\n')}`;
}
