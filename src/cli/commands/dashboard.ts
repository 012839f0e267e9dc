import type { Command } from 'commander';
import { documented, withEngine } from '../command.js';
import type { Session } from '../session.js';
import { CommandLog } from '../setup/command-log.js';
import type { EngineFlags } from '../setup/engine.js';
import { withFleet } from '../setup/fleet.js';
import { announce, type ServeFlags, serve, withServing } from '../setup/serving.js';
import { aborted } from './worker.js';

/** `orchestrator dashboard`: the runs of an engine in a browser. */
export function addDashboard(parent: Command, session: Session): void {
  const command = parent
    .command('dashboard')
    .summary('serve the dashboard for an engine')
    .description(
      'Serve the dashboard for the runs of an engine and print its address. Ends on SIGINT, SIGTERM or SIGHUP.',
    );
  withServing(withEngine(command)).action((flags: EngineFlags & ServeFlags) => {
    const interruption = session.interruption();
    return withFleet(session, flags, async ({ orchestrator, found }) => {
      const log = new CommandLog(session, flags);
      const served = await serve(session, { distributed: orchestrator, loops: undefined, found, flags, log });
      announce(session, served, { flags, log });
      await aborted(interruption);
      await served.close();
    });
  });
  documented(command, {
    examples: [
      ['orchestrator dashboard --engine redis://127.0.0.1:6379', 'open the printed address in a browser'],
      ['orchestrator dashboard --port 8080 --read-only', 'without actions'],
    ],
    json: 'one line: { time, level, message, url, token }',
    text: 'The printed address contains the token: anyone who has it can act on runs.',
  });
}
