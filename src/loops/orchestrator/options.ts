import { anOrchestrator } from '../../kernel/origin.js';
import { aLogger } from '../../shared/logger.js';
import { aBoolean, aName, anObjectOf, aValue, isPlainObject } from '../../shared/validate.js';
import type { PoolType } from '../definition.js';
import { milliseconds, oneNamed, oneOf, readCrashPolicy } from '../options.js';
import type { LoopStore } from '../store/contracts.js';
import type { CloseOptions, LoopWorkflow, StopOptions, WorkflowOrchestratorOptions } from './contracts.js';

/** Readers of the options of a workflow. Each throws a `ValidationError` with the path of the invalid field. */

export const readOptions = anObjectOf<WorkflowOrchestratorOptions>({
  registry: aValue('an object of functions and classes by name', isPlainObject),
  orchestrator: anOrchestrator,
  store: aValue('a LoopStore', (value) => typeof (value as LoopStore | null)?.putMessage === 'function'),
  metricsInterval: aValue(
    'a number of milliseconds of at least 10',
    (value) => Number.isFinite(value) && (value as number) >= 10,
  ),
  deadLetterCapacity: aValue(
    'a whole number of at least 0',
    (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  ),
  logger: aLogger,
});

export const readWorkflow = anObjectOf<LoopWorkflow>({
  queues: aValue('an object of queues by name', isPlainObject),
  loops: aValue('an array', Array.isArray),
});

const ending = { timeout: milliseconds, deadline: milliseconds, drain: aBoolean };
const readStopFields = anObjectOf<StopOptions>({ ...ending, loopId: aName });
const readCloseFields = anObjectOf<CloseOptions>(ending);

/** Reads the options of `stop`. Replaces former names with current names. */
export function readStopOptions(given: StopOptions): Omit<StopOptions, 'deadline'> {
  return byPresentNames(readStopFields(given));
}

/** Reads the options of `close`. Replaces former names with current names. */
export function readCloseOptions(given: CloseOptions): Omit<CloseOptions, 'deadline'> {
  return byPresentNames(readCloseFields(given));
}

function byPresentNames<Options extends CloseOptions>({ timeout, deadline, ...options }: Options) {
  return { ...options, timeout: oneNamed('timeout', timeout, 'deadline', deadline) };
}

export const readPlacement = anObjectOf<
  Record<'pool' | 'resourceLimits' | 'onCrash' | 'id' | 'module' | 'export' | 'options', unknown>
>({
  id: aName,
  module: aValue(
    'a file URL or a path',
    (value) => value instanceof URL || (typeof value === 'string' && value !== ''),
  ),
  export: aName,
  options: (value) => value,
  pool: oneOf<PoolType>('async', 'thread', 'process'),
  resourceLimits: aValue('an object of numbers', isPlainObject),
  onCrash: readCrashPolicy,
});
