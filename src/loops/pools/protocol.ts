import type { Carrier } from '../../kernel/hooks/instrumentation.js';
import type { Overflow } from '../definition.js';
import type { LoopEnd } from '../health.js';
import type { LoopEvent } from '../host.js';
import type { Message } from '../node.js';
import { fromWire, toWire, type WireError } from '../wire.js';
import type { LoopReport, LoopShape } from './pool.js';

/**
 * Messages between a loop in a thread or process and its orchestrator. The effects of the loop (pushes,
 * acknowledgements, cursors, events) are sent in one stream and take effect in order.
 */

/** Version of the messages, checked because the two sides may belong to different copies of this package. */
export const protocol = 2;

/**
 * Maximum number of unconfirmed pushes of a loop, and of its unacknowledged messages. When this number is reached, the
 * sender waits.
 */
export const window = 1_024;

/** Maximum number of effects or messages that are sent together. */
export const batch = 256;

/** Messages from the orchestrator to the loop. */
export type Down =
  | {
      readonly type: 'prepare';
      readonly loopId: string;
      readonly module: string;
      readonly exportName: string;
      readonly options: unknown;
      /** Keys of the loops whose threads and processes will contain this loop, outermost first. */
      readonly within: readonly string[];
      readonly protocol: number;
      /** If true, a thread loads TypeScript with tsx, like the program itself. */
      readonly typescript: boolean;
    }
  | {
      readonly type: 'start';
      readonly cursor: unknown;
      readonly paused: boolean;
      readonly overflows: Readonly<Record<string, Overflow>>;
    }
  | { readonly type: 'messages'; readonly messages: readonly Message[] }
  | { readonly type: 'drained' }
  /** Pushes have taken effect. `refused` lists the rejected pushes by their position among these. */
  | { readonly type: 'pushed'; readonly count: number; readonly refused: readonly (readonly [number, WireError])[] }
  | { readonly type: 'pause'; readonly id: number }
  | { readonly type: 'resume' }
  | { readonly type: 'stop'; readonly drain: boolean }
  | { readonly type: 'abort'; readonly reason: WireError }
  | { readonly type: 'replay'; readonly nodeId: string; readonly value: unknown };

/** The reason why a module does not provide a loop. */
export type ModuleFault =
  /** The import failed. */
  | { readonly type: 'import'; readonly error: WireError }
  /** The export is missing. `names` lists the existing exports. */
  | { readonly type: 'export'; readonly names: readonly string[] }
  /** The export is not a loop. */
  | { readonly type: 'kind'; readonly kind: string }
  /** The loop was created by a copy of this package with another protocol version. */
  | { readonly type: 'protocol' }
  /** The module starts its own loop. */
  | { readonly type: 'circle' };

/** Messages from the loop to the orchestrator. */
export type Up =
  | { readonly type: 'prepared'; readonly shape: LoopShape }
  | { readonly type: 'started' }
  /** The module does not provide a loop. */
  | { readonly type: 'unloaded'; readonly fault: ModuleFault }
  | { readonly type: 'failed'; readonly error: WireError }
  | { readonly type: 'deeds'; readonly deeds: readonly Deed[] }
  /** The thread or process had an uncaught exception and is about to end. */
  | { readonly type: 'crashing'; readonly error: WireError }
  | { readonly type: 'report'; readonly report: LoopReport }
  | { readonly type: 'paused'; readonly id: number }
  | {
      readonly type: 'ended';
      readonly reason: LoopEnd['reason'];
      readonly error: WireError | undefined;
      readonly report: LoopReport;
    };

/** An effect of a loop on its host: a push, an acknowledgement, a message given back, a saved cursor, or an event. */
export type Deed =
  | readonly ['push', string, unknown, Carrier?]
  | readonly ['ack', number]
  | readonly ['back', number]
  | readonly ['cursor', unknown]
  | readonly ['event', LoopEvent];

/** Converts the errors of an event to plain data. */
export function eventToWire(event: LoopEvent, subject: string): LoopEvent {
  if (event.type === 'dead-letter') {
    return { ...event, letter: { ...event.letter, error: toWire(event.letter.error, subject) } };
  }
  return 'error' in event && event.error !== undefined ? { ...event, error: toWire(event.error, subject) } : event;
}

/** Restores the errors of an event. */
export function eventFromWire(event: LoopEvent): LoopEvent {
  if (event.type === 'dead-letter') {
    return { ...event, letter: { ...event.letter, error: fromWire(event.letter.error as WireError) } };
  }
  return 'error' in event && event.error !== undefined
    ? { ...event, error: fromWire(event.error as WireError) }
    : event;
}
