import type { Codec } from '../../shared/codec.js';
import { cut } from '../../shared/text.js';
import { invalid } from '../../shared/validate.js';
import { TooLateError } from '../errors.js';
import { decisionTime, isOpen, latest } from '../run/decision.js';
import { setOwn } from '../run/keys.js';
import { prospectOf } from '../run/prospects.js';
import type { Waiting } from '../run/result.js';
import { digestIn, isSentAgain } from '../run/sent-again.js';
import type { WorkflowState } from '../run/state.js';

/** Maximum number of characters of an event's name in a message. */
const longestName = 100;

/**
 * Hands the events that a run is continued with to its state, and decides as of which time. An event that the run has
 * received, and that is sent again because the program may have died before it answered, is accepted without effect.
 *
 * @throws {ValidationError} for an event that no node waits for, because its name is probably misspelt
 * @throws {TooLateError} for an event of which all waits have ended or expired
 */
export function bringEvents(state: WorkflowState, events: Readonly<Record<string, unknown>>, codec: Codec): void {
  const waits = [...state.memory.awaiting.values()].flat();
  const time = decisionTime(waits, state.clock());
  const taken: Record<string, unknown> = {};
  const sent: Record<string, string> = {};
  for (const [event, payload] of Object.entries(events)) {
    const digest = digestIn(codec, payload);
    if (waits.some((wait) => isOpen(wait, event, time))) {
      setOwn(taken, event, payload);
      if (digest !== undefined) setOwn(sent, event, digest);
    } else if (!isSentAgain(state.memory, event, digest)) throw refused(state, event, waits);
  }
  state.events = taken;
  state.sent = sent;
  state.decidedAt = time;
}

/** @throws {SerializationError} for a payload that cannot be saved; the path begins with the name of the event */
export function checkSavable(events: Readonly<Record<string, unknown>>, codec: Codec): void {
  for (const [event, payload] of Object.entries(events)) {
    codec.encode(payload, () => `payload of event ${JSON.stringify(cut(event, longestName))}`);
  }
}

/** Makes the error for an event that can end no wait. */
function refused({ runId, memory }: WorkflowState, event: string, waits: readonly Waiting[]): Error {
  const expired = waits.filter((wait) => wait.event === event).map(({ until }) => until as number);
  if (expired.length > 0) return new TooLateError(runId, event, latest(expired));
  if (memory.received.has(event) || prospectOf(memory, event) === 'over') return new TooLateError(runId, event);
  const names = [...new Set(waits.map((wait) => wait.event))].join(', ');
  return invalid(`events.${event}`, `an event that a node waits for (${names || 'no node waits'})`, event);
}
