import type { SignalOutcome } from '../../../../distributed/index.js';
import { CliError, exitCodes } from '../../../exit-codes.js';
import { oneLine } from '../../../output/text.js';
import type { Session } from '../../../session.js';
import type { EngineFlags } from '../../../setup/engine.js';
import { schemaIn, withExpectation } from '../../../setup/expected.js';
import { withFleet } from '../../../setup/fleet.js';
import { readValue } from '../../../setup/input.js';

interface SignalFlags extends EngineFlags {
  readonly payload?: string;
  readonly id?: string;
  readonly json?: boolean;
}

/** Delivers an event to a run. */
export function signal(session: Session, runId: string, event: string, flags: SignalFlags): Promise<void> {
  return withFleet(session, flags, async ({ orchestrator }) => {
    const payload = flags.payload === undefined ? null : await readValue(session.io, '--payload', flags.payload);
    const send = () => orchestrator.signal(runId, event, payload, { id: flags.id });
    const outcome = await send().catch(async (error: unknown) => {
      const payloadSchema = async () => {
        const { workflow, version } = await orchestrator.run(runId);
        return schemaIn((await orchestrator.blueprint(workflow, version)).events, event);
      };
      throw await withExpectation(error, 'payload', payloadSchema);
    });
    const isLost = outcome === 'too-late' || outcome === 'dropped';
    const text = answers[outcome](oneLine(runId), oneLine(event));
    if (flags.json === true) session.stdout.json({ runs: [{ runId, ok: !isLost, outcome }] });
    else if (!isLost) session.stdout.line(text);
    if (isLost) throw new CliError(text, exitCodes.conflict);
  });
}

/** Text for each answer to a signal. */
const answers: Readonly<Record<SignalOutcome, (run: string, event: string) => string>> = {
  delivered: (run, event) => `${run} has received ${event}`,
  kept: (run, event) => `${run} keeps ${event} until a node waits for it`,
  duplicate: (run, event) => `${run} has received this ${event} before`,
  'too-late': (run, event) =>
    `${event} comes too late for ${run}: its waits have ended or expired, or the run has ended`,
  dropped: (run, event) => `${run} keeps too many payloads of ${event} already, so this one is dropped`,
};
