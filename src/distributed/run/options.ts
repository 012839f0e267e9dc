import { FlowRuntime } from '../../flow/index.js';
import { anObjectOf, aValue, longestDelay, type Reader, type Schema } from '../../shared/validate.js';
import type { Engine } from '../contracts.js';
import { isEngine } from '../engines/is-engine.js';

/** The default of `maxPayload`, in bytes. */
export const defaultMaxPayload = 2 ** 20;

/** Maximum delay of a queued job, in milliseconds: 100 years. */
export const longestWait = 100 * 365.25 * 86_400_000;

/**
 * Like `anObjectOf`, for options of which some are required.
 *
 * @param needed - the names of the required options
 */
export function anObjectGiving<Options>(schema: Schema<Options>, ...needed: readonly (keyof Options & string)[]) {
  const read = anObjectOf<Options>(schema);
  return (value: unknown): Options => {
    const options = read(value);
    for (const name of needed) schema[name](options[name], name);
    return options;
  };
}

export const anEngine = aValue<Engine>(
  'an engine: memory(), pglite(directory), postgres(url), redis(url) or shards(engines)',
  isEngine,
);

export const aRuntime = aValue<FlowRuntime>('a FlowRuntime', (value) => value instanceof FlowRuntime);

export const aPayloadLimit: Reader<number> = aValue(
  'a whole number of bytes of at least 1024',
  (value) => Number.isSafeInteger(value) && (value as number) >= 1024,
);

export const aRetention: Reader<number> = aValue(
  'a whole number of milliseconds of at least 0',
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);

/** Reads an interval in milliseconds, such as a heartbeat or a poll interval. */
export const anInterval = aValue<number>(
  `a whole number of milliseconds from 1 to ${longestDelay}`,
  (value) => Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= longestDelay,
);
