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
  invalid,
  isPlainObject,
  longestDelay,
  type Reader,
} from '../shared/validate.js';
import type { ContinueOptions, ResultOptions, RunOptions } from './node.js';

/** Makes a reader for objects that have the given methods. */
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

/**
 * Accepts limits of any length. The executor checks the length, because a fleet allows longer limits than a timer of
 * this program.
 */
const anyLimit: Reader = (value, field) =>
  typeof value === 'number' && value > longestDelay ? value : aLimit(value, field);

const ofRun = { id: anId, runId: anId, input: anything };

/** Like `readRunOptions`, but for an executor of any kind. */
export const readAnyRunOptions = anObjectOf<RunOptions>({ ...ofRun, ...shared, timeout: anyLimit });
export const readRunOptions = anObjectOf<RunOptions>({ ...ofRun, ...shared });
export const readContinueOptions = anObjectOf<ContinueOptions>({ ...shared, events: aState });
export const readResultOptions = anObjectOf<ResultOptions>({ checkpoint: shared.checkpoint });

/**
 * Returns the id that the options give a run, under its present or its former name.
 *
 * @throws {ValidationError} if both are given
 */
export function idGiven({ id, runId }: Pick<RunOptions, 'id' | 'runId'>): string | undefined {
  if (id !== undefined && runId !== undefined) {
    throw invalid('runId', 'left out: it is the older name of id, which is given', runId);
  }
  return id ?? runId;
}
