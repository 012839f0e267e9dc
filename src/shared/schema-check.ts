import { kindOf, textOf, ValidationError } from './errors.js';
import { isPromiseLike } from './promise-like.js';
import type { SchemaIssue, StandardSchema } from './standard-schema.js';
import { cleaned } from './text.js';
import { aValue } from './validate.js';

/** Reads an option that holds a schema. Schemas of some libraries are functions. */
export const aSchema = aValue<StandardSchema>('a schema that implements Standard Schema', isSchema);

/** Maximum number of faults in a message. */
const mostFaults = 20;

/** Maximum length of a fault's description and of a key in a message, in characters. */
const longestMessage = 200;
const longestKey = 100;

export function isSchema(value: unknown): value is StandardSchema {
  const isHolder = typeof value === 'function' || (typeof value === 'object' && value !== null);
  return isHolder && typeof (value as Partial<StandardSchema>)['~standard']?.validate === 'function';
}

/**
 * Checks a value that comes from outside. Returns the value as the schema returns it, which may be converted. Returns a
 * promise only if the schema does.
 *
 * @param field - the name of the value, for messages, such as `input`
 * @throws {ValidationError} with every fault and its path, or if the schema itself fails
 */
export function checkedBy<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  field: string,
): Output | Promise<Output> {
  let checked: unknown;
  try {
    checked = schema['~standard'].validate(value);
  } catch (error) {
    throw brokenBy(error, field);
  }
  if (!isPromiseLike(checked)) return valueIn(checked, field);
  const check = { field };
  unanswered.add(check);
  const settled = Promise.resolve(checked).finally(() => unanswered.delete(check));
  return settled.then(
    (result) => valueIn<Output>(result, field),
    (error: unknown) => {
      throw brokenBy(error, field);
    },
  );
}

const unanswered = new Set<{ readonly field: string }>();

/** Returns the names of the values whose schemas have not answered yet. */
export function uncheckedFields(): readonly string[] {
  return [...new Set([...unanswered].map(({ field }) => field))];
}

/** Returns the path of a part of a value, such as `input.lines[0].total`. */
export function pathTo(field: string, keys: SchemaIssue['path'] = []): string {
  return field + keys.map(stepTo).join('');
}

function stepTo(step: PropertyKey | { readonly key: PropertyKey }): string {
  const key = typeof step === 'object' ? step.key : step;
  const text = cleaned(String(key), longestKey);
  if (typeof key === 'number' || /^\d+$/.test(text)) return `[${text}]`;
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(text) ? `.${text}` : `[${JSON.stringify(text)}]`;
}

/** Returns the value in the answer of a schema. A schema whose answer cannot even be read counts as broken. */
function valueIn<Output>(checked: unknown, field: string): Output {
  try {
    return valueFrom(checked, field);
  } catch (error) {
    throw error instanceof ValidationError ? error : brokenBy(error, field);
  }
}

function valueFrom<Output>(checked: unknown, field: string): Output {
  const { issues, value } = Object(checked) as { issues?: unknown; value?: Output };
  if (Array.isArray(issues)) throw refusedFor(issues as readonly SchemaIssue[], field);
  if (issues !== undefined || typeof checked !== 'object' || checked === null) {
    throw new ValidationError(`${field} cannot be checked: its schema returned ${kindOf(checked)}, fix the schema`);
  }
  return value as Output;
}

function refusedFor(issues: readonly SchemaIssue[], field: string): ValidationError {
  const faults = issues.slice(0, mostFaults).map(({ path, message }) => describe(field, path, message));
  const more = issues.length - faults.length;
  const rest = more > 0 ? `; and ${more} more faults` : '';
  return new ValidationError(faults.length === 0 ? `${field}: its schema refuses it` : faults.join('; ') + rest);
}

/** Describes a fault after its path. Libraries that begin a description with the path themselves lose theirs. */
function describe(field: string, keys: SchemaIssue['path'], message: unknown): string {
  const path = pathTo(field, keys);
  const own = pathTo('', keys).replace(/^\./, '');
  const text = cleaned(textOf(message), longestMessage);
  return `${path}: ${own !== '' && text.startsWith(`${own} `) ? text.slice(own.length + 1) : text}`;
}

function brokenBy(error: unknown, field: string): ValidationError {
  const message = error instanceof Error ? error.message : textOf(error);
  const what = `${field} cannot be checked: its schema failed (${cleaned(message, longestMessage)}), fix the schema`;
  return new ValidationError(what, { cause: error });
}
