import type { JsonSchema } from '../../flow/index.js';
import { ValidationError } from '../../shared/errors.js';
import { textOfSchema } from '../../shared/json-schema-text.js';
import { usageError } from '../exit-codes.js';
import { oneLine } from '../output/text.js';

/**
 * Adds to the refusal of a value which values its schema accepts. Returns other errors unchanged.
 *
 * @param field - the name of the value at the beginning of the message, such as `input`
 * @param schemaOf - finds the schema of the value; `undefined` if it has none
 */
export async function withExpectation(
  error: unknown,
  field: string,
  schemaOf: () => JsonSchema | undefined | Promise<JsonSchema | undefined>,
): Promise<unknown> {
  if (!(error instanceof ValidationError) || !new RegExp(`^${field}[.:[ ]`).test(error.message)) return error;
  const schema = await schemaOf();
  if (schema === undefined) return error;
  return usageError(`${error.message}; expected ${oneLine(textOfSchema(schema))}`, { cause: error.cause });
}

/** Describes the payload of an event, in parentheses. Empty for an event without a schema. */
export function expectationOf(events: Readonly<Record<string, JsonSchema>> | undefined, event: string): string {
  const schema = schemaIn(events, event);
  return schema === undefined ? '' : ` (${oneLine(textOfSchema(schema))})`;
}

export function schemaIn(
  events: Readonly<Record<string, JsonSchema>> | undefined,
  event: string,
): JsonSchema | undefined {
  return events !== undefined && Object.hasOwn(events, event) ? events[event] : undefined;
}
