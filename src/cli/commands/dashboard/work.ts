import type { Session } from '../../session.js';
import { CommandLog } from '../../setup/command-log.js';
import type { EngineFlags } from '../../setup/engine.js';
import { withFleet } from '../../setup/fleet.js';
import { announce, type ServeFlags, serve } from '../../setup/serving.js';
import { aborted } from '../worker/work.js';

/** Serves the dashboard until a signal arrives. */
export function dashboard(session: Session, flags: EngineFlags & ServeFlags): Promise<void> {
  const interruption = session.interruption();
  return withFleet(session, flags, async ({ orchestrator, found }) => {
    const log = new CommandLog(session, flags);
    const served = await serve(session, { distributed: orchestrator, loops: undefined, found, flags, log });
    announce(session, served, { flags, log });
    await aborted(interruption);
    await served.close();
  });
}
