import type { Carrier } from '../../kernel/instrumentation.js';
import type { Overflow } from '../definition.js';
import type { LoopEnd } from '../health.js';
import type { LoopEvent } from '../host.js';
import type { Message } from '../node.js';
import { fromWire, toWire, type WireError } from '../wire.js';
import type { LoopReport, LoopShape } from './pool.js';

/**
 * What a loop in a thread or a process and its orchestrator tell each other. What the loop does to the world (it pushes,
 * acknowledges, saves its cursor, reports) goes in one stream, and takes effect in its order.
 */

/** Changes with what is said: the two sides may be of different copies of this package. */
export const protocol = 2;

/** How many pushes may be on their way to each queue, and how many messages to the loop, before somebody waits. */
export const window = 1_024;

/** How many of them go in one message. */
export const batch = 256;

/** What the orchestrator says. */
export type Down =
  | {
      readonly type: 'prepare';
      readonly loopId: string;
      readonly module: string;
      readonly exportName: string;
      readonly options: unknown;
      /** Loops of modules, in whose threads and processes this one is made, from the outermost on. */
      readonly within: readonly string[];
      readonly protocol: number;
      /** If true, a thread loads TypeScript with tsx, as the program does. */
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
  /** Pushes have taken effect; `refused` has those that were not admitted, by their place among these. */
  | { readonly type: 'pushed'; readonly count: number; readonly refused: readonly (readonly [number, WireError])[] }
  | { readonly type: 'pause'; readonly id: number }
  | { readonly type: 'resume' }
  | { readonly type: 'stop'; readonly drain: boolean }
  | { readonly type: 'abort'; readonly reason: WireError }
  | { readonly type: 'replay'; readonly nodeId: string; readonly value: unknown };

/** Why a module gives no loop that can be carried out. */
export type ModuleFault =
  /** It cannot be imported. */
  | { readonly type: 'import'; readonly error: WireError }
  /** It has no such export, but these. */
  | { readonly type: 'export'; readonly names: readonly string[] }
  /** Its export is something else. */
  | { readonly type: 'kind'; readonly kind: string }
  /** Its loop is made with a copy of this package that says other things. */
  | { readonly type: 'protocol' }
  /** It starts the loop that it is to give. */
  | { readonly type: 'circle' };

/** What the loop says. */
export type Up =
  | { readonly type: 'prepared'; readonly shape: LoopShape }
  | { readonly type: 'started' }
  /** Its module holds no loop that can be carried out. */
  | { readonly type: 'unloaded'; readonly fault: ModuleFault }
  | { readonly type: 'failed'; readonly error: WireError }
  | { readonly type: 'deeds'; readonly deeds: readonly Deed[] }
  /** Something has been thrown in it that nobody catches. */
  | { readonly type: 'crashing'; readonly error: WireError }
  | { readonly type: 'report'; readonly report: LoopReport }
  | { readonly type: 'paused'; readonly id: number }
  | {
      readonly type: 'ended';
      readonly reason: LoopEnd['reason'];
      readonly error: WireError | undefined;
      readonly report: LoopReport;
    };

/** What a loop has done. */
export type Deed =
  | readonly ['push', string, unknown, Carrier?]
  | readonly ['ack', number]
  | readonly ['back', number]
  | readonly ['cursor', unknown]
  | readonly ['event', LoopEvent];

/** An event as it is sent: with its errors as data. */
export function eventToWire(event: LoopEvent, subject: string): LoopEvent {
  if (event.type === 'dead-letter') {
    return { ...event, letter: { ...event.letter, error: toWire(event.letter.error, subject) } };
  }
  return 'error' in event && event.error !== undefined ? { ...event, error: toWire(event.error, subject) } : event;
}

export function eventFromWire(event: LoopEvent): LoopEvent {
  if (event.type === 'dead-letter') {
    return { ...event, letter: { ...event.letter, error: fromWire(event.letter.error as WireError) } };
  }
  return 'error' in event && event.error !== undefined
    ? { ...event, error: fromWire(event.error as WireError) }
    : event;
}
