import { Command } from 'commander';
import { version } from '../shared/version.js';
import { addCompletion } from './commands/completion.js';
import { addDashboard } from './commands/dashboard.js';
import { addDeadLetters } from './commands/dead-letters.js';
import { addGraph } from './commands/graph.js';
import { addLoops } from './commands/loops.js';
import { addMigrate } from './commands/migrate.js';
import { addOrchestrate } from './commands/orchestrate.js';
import { addRun } from './commands/run.js';
import { addRuns } from './commands/runs/runs.js';
import { addWorker } from './commands/worker.js';
import { addWorkers } from './commands/workers.js';
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
