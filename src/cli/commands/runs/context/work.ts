import { valueText } from '../../../output/value.js';
import type { Session } from '../../../session.js';
import type { EngineFlags } from '../../../setup/engine.js';
import { withFleet } from '../../../setup/fleet.js';
import { type RevealFlags, redactorOf } from '../../../setup/redaction.js';

interface ContextFlags extends EngineFlags, RevealFlags {
  readonly json?: boolean;
}

/** Writes the context of a run. */
export function context(session: Session, runId: string, flags: ContextFlags): Promise<void> {
  return withFleet(session, flags, async ({ orchestrator, found }) => {
    const shown = redactorOf(found, flags).value(await orchestrator.context(runId));
    if (flags.json === true) session.stdout.json({ runId, context: shown });
    else session.stdout.line(valueText(shown));
  });
}
