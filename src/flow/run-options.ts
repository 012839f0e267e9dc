import { aLogger } from '../shared/logger.js';
import {
  aBoolean,
  aConcurrency,
  aLimit,
  anId,
  anObjectOf,
  aSignal,
  aState,
  aValue,
  isPlainObject,
  longestDelay,
  type Reader,
} from '../shared/validate.js';
import type { ContinueOptions, RunOptions } from './node.js';

/** Reads an object that has methods. */
export function anObjectWith(...methods: readonly string[]): Reader {
  return aValue(`an object with ${methods.join(', ')}`, (value) =>
    methods.every((method) => typeof (value as Record<string, unknown> | null | undefined)?.[method] === 'function'),
  );
}

export const aRecord = aValue<Record<string, unknown>>('a plain object', isPlainObject);
const anything: Reader = (value) => value;

const shared = {
  executor: anObjectWith('run', 'getNextNode'),
  orchestrator: anObjectWith('run'),
  signal: aSignal,
  timeout: aLimit,
  concurrency: aConcurrency,
  failFast: aBoolean,
  maxVisits: aConcurrency,
  checkpoint: anObjectWith('claim', 'save', 'append', 'load', 'delete', 'list'),
  params: aRecord,
  logger: aLogger,
};

/** Whoever carries the run out says how long a limit may be; a fleet's may be longer than a timer of this program holds. */
const anyLimit: Reader = (value, field) =>
  typeof value === 'number' && value > longestDelay ? value : aLimit(value, field);

/** Like `readRunOptions`, for whatever executor. */
export const readAnyRunOptions = anObjectOf<RunOptions>({ ...shared, timeout: anyLimit, runId: anId, input: anything });
export const readRunOptions = anObjectOf<RunOptions>({ ...shared, runId: anId, input: anything });
export const readContinueOptions = anObjectOf<ContinueOptions>({ ...shared, events: aState });
