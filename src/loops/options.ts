import { readLimit } from '../kernel/policies/limit.js';
import { ofNode, policyReaders, readWithoutDefaults } from '../kernel/policies/policy.js';
import { ValidationError } from '../shared/errors.js';
import type { JsonSchema } from '../shared/json-schema.js';
import { isSchema } from '../shared/schema-check.js';
import type { StandardSchema } from '../shared/standard-schema.js';
import {
  aConcurrency,
  aCount,
  aLimit,
  aName,
  anObjectOf,
  aValue,
  invalid,
  isPlainObject,
  longestDelay,
  orNoLimit,
  type Reader,
} from '../shared/validate.js';
import type {
  ErrorPolicy,
  FormerLoopEdge,
  LoopEdgeDefinition,
  LoopNodeDefinition,
  LoopSettings,
  LoopTimeout,
  NodeKind,
  QueueDefinition,
  RestartPolicy,
  Schedule,
} from './definition.js';

/** Readers of the options in loop definitions. Each throws a `ValidationError` with the path of the invalid field. */

const kinds: readonly NodeKind[] = ['producer', 'blocking', 'non-blocking', 'queue', 'reader'];

export const milliseconds = aValue<number>(
  `a number of milliseconds from 0 to ${longestDelay}`,
  (value) => typeof value === 'number' && value >= 0 && value <= longestDelay,
);

const anInterval = aValue<number>(
  'a number of milliseconds above 0',
  (value) => typeof value === 'number' && value > 0 && value < Infinity,
);

const aCapacity = aValue<number>(
  'a whole number of at least 1',
  (value) => Number.isSafeInteger(value) && (value as number) >= 1,
);

export function oneOf<Value extends string>(...values: readonly Value[]): Reader<Value> {
  return aValue(`one of ${values.join(', ')}`, (value) => values.includes(value as Value));
}

/**
 * Reads a field that may be given under its current or its former name.
 *
 * @throws {ValidationError} if both are given
 */
export function oneNamed<Value>(name: string, value: Value | undefined, before: string, given: Value | undefined) {
  if (value !== undefined && given !== undefined)
    throw new ValidationError(`${before} is another name of ${name}: give ${name} alone`);
  return value ?? given;
}

const readRestart = anObjectOf<RestartPolicy>({
  action: oneOf('restart'),
  limit: aCount,
  within: anInterval,
  backoff: milliseconds,
  maxBackoff: milliseconds,
});

const anAction = oneOf('continue', 'pause', 'stop', 'restart');

const readErrorPolicy: Reader<ErrorPolicy> = (value, field) =>
  isPlainObject(value) ? readRestart(value, field) : anAction(value, field);

export const readCrashPolicy: Reader = (value, field) =>
  isPlainObject(value) ? readRestart(value, field) : oneOf('stop', 'restart')(value, field);

const readScheduleObject = anObjectOf<Schedule>(
  {
    every: anInterval,
    cron: aName,
    timezone: aName,
    missed: oneOf('skip', 'catch-up', 'delay'),
  },
  'every',
);

export const readSchedule: Reader<Schedule> = (value, field) => {
  const read = readScheduleObject(value, field);
  if ((read.every === undefined) === (read.cron === undefined)) {
    throw invalid(field, 'an interval (`every`) or a cron expression (`cron`)', value);
  }
  if (read.cron !== undefined && read.missed === 'delay') {
    throw invalid(`${field}.missed`, 'skip or catch-up for a cron expression', read.missed);
  }
  return read;
};

export const settingsReaders = {
  schedule: readSchedule,
  onError: readErrorPolicy,
  producerBackoff: milliseconds,
};

export const readLoopSettings = anObjectOf<LoopSettings>(settingsReaders);

/** Validates the limit of a node, and returns it unchanged. */
const aNodeLimit: Reader = (value, field) => {
  if (typeof value === 'string') return aName(value, field);
  if (value !== null) readLimit(value, field);
  return value;
};

const readTimeouts = anObjectOf<LoopTimeout>({ attempt: aLimit, total: aLimit });

const aTimeout: Reader<number | LoopTimeout> = (value, field) =>
  isPlainObject(value) ? readTimeouts(value, field) : aLimit(value, field);

const nodeFields = anObjectOf<LoopNodeDefinition>({
  id: aName,
  kind: oneOf(...kinds),
  uses: aName,
  options: aValue('a plain object', isPlainObject),
  retry: policyReaders.retry,
  timeout: orNoLimit(aTimeout),
  policy: policyReaders.policy,
  limit: aNodeLimit,
  policies: readWithoutDefaults,
  onError: readErrorPolicy,
  maxInFlight: aConcurrency,
  overflow: oneOf('block', 'drop-newest', 'fail'),
  whenFull: oneOf('wait', 'drop', 'fail'),
});

const readNodeFields = ofNode(['fallback', 'fallbackOn', 'share'], nodeFields);

export const readNode: Reader<LoopNodeDefinition> = (value, field) => {
  const node = withNames(readNodeFields(value, field), field, 'id');
  const path = (name: string) => (field ? `${field}.${name}` : name);
  oneNamed(path('overflow'), node.overflow, path('whenFull'), node.whenFull);
  return node;
};

const readEdgeFields = anObjectOf<Partial<LoopEdgeDefinition & FormerLoopEdge>>({
  source: aName,
  target: aName,
  from: aName,
  to: aName,
});

/** Reads an edge with current or former names, and returns the edge with current names. */
export const readEdge: Reader<LoopEdgeDefinition> = (value, field) => {
  const read = readEdgeFields(value, field);
  const { from, to } = read;
  oneNamed(`${field}.source`, read.source, `${field}.from`, from);
  oneNamed(`${field}.target`, read.target, `${field}.to`, to);
  const isFormer = from !== undefined || to !== undefined;
  return {
    source: aName(read.source ?? from, `${field}.${isFormer ? 'from' : 'source'}`),
    target: aName(read.target ?? to, `${field}.${isFormer ? 'to' : 'target'}`),
  };
};

/** Checks that required names are given. */
function withNames<Read extends object>(read: Read, field: string, ...names: readonly (keyof Read & string)[]): Read {
  for (const name of names) aName(read[name], field ? `${field}.${name}` : name);
  return read;
}

const anySchema: Reader<StandardSchema | JsonSchema> = (value, field) => {
  if (isSchema(value) || isPlainObject(value)) return value;
  throw invalid(field, 'a schema that implements Standard Schema, or a JSON Schema (an object)', value);
};

export const readQueue = anObjectOf<QueueDefinition>({
  capacity: aCapacity,
  overflow: oneOf('block', 'drop-oldest', 'drop-newest', 'fail'),
  maxDeliveries: aCapacity,
  type: oneOf('queue', 'topic'),
  schema: anySchema,
});
