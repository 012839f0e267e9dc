import { ValidationError } from '../shared/errors.js';
import { aBoolean, aFunction, aName, anObjectOf, aValue } from '../shared/validate.js';
import type { DashboardOptions } from './dashboard.js';

const isOrigin = (value: unknown) => typeof value === 'string' && URL.canParse(value) && originOf(value) !== 'null';

const readers = {
  distributed: aValue('a DistributedOrchestrator', (value) => has(value, 'listRuns', 'engine')),
  loops: aValue('a WorkflowOrchestrator', (value) => has(value, 'deadLetters', 'metrics')),
  token: aValue(
    'a string of at least 8 visible ASCII characters without spaces',
    (value) => typeof value === 'string' && /^[\x21-\x7e]{8,}$/.test(value),
  ),
  actions: aBoolean,
  protectReads: aBoolean,
  redact: aValue(
    'false, or an array of non-empty strings and regular expressions',
    (value) => value === false || (Array.isArray(value) && value.every(isPattern)),
  ),
  title: aName,
  basePath: aValue(
    'a path that begins with /, such as /ops',
    (value) => typeof value === 'string' && /^\/[^?#\s]*$/.test(value),
  ),
  origins: aValue(
    'an array of origins, such as https://ops.example',
    (value) => Array.isArray(value) && value.every(isOrigin),
  ),
  assets: aValue('a URL', (value) => value instanceof URL),
  onError: aFunction,
};

/** Creates a reader of dashboard options, extended by the readers in `more`. The reader throws `ValidationError`. */
export function dashboardReader<Options extends DashboardOptions>(
  more: Omit<Parameters<typeof anObjectOf<Options>>[0], keyof DashboardOptions>,
): (given: unknown) => Options {
  const read = anObjectOf<Options>({ ...readers, ...more } as Parameters<typeof anObjectOf<Options>>[0]);
  return (given) => {
    const options = read(given);
    if (options.distributed === undefined && options.loops === undefined) {
      throw new ValidationError('distributed or loops must be given, got neither');
    }
    return options;
  };
}

export const readDashboardOptions = dashboardReader<DashboardOptions>({});

/** The origin of a URL, in the form that browsers send. */
export function originOf(text: string): string {
  return new URL(text).origin;
}

/** The mount path without trailing slashes. */
export function basePathOf({ basePath = '/' }: Pick<DashboardOptions, 'basePath'>): string {
  return basePath.replace(/\/+$/, '');
}

function isPattern(value: unknown): boolean {
  return value instanceof RegExp || (typeof value === 'string' && /[a-z0-9]/i.test(value));
}

function has(value: unknown, ...names: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && names.every((name) => name in value);
}
