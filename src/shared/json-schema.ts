import type { Schema as AnyJsonSchema, OutputUnit, Validator } from '@cfworker/json-schema';
import { libraryOptions, mayBeMissing } from './json-schema-input.js';
import { isSchema } from './schema-check.js';
import type { SchemaIssue, StandardSchema } from './standard-schema.js';
import { isPlainObject } from './validate.js';

/** A JSON Schema of draft 2020-12, as plain data. `{}` accepts every value. */
export type JsonSchema = Readonly<Record<string, unknown>>;

const target = 'draft-2020-12';

/** Functions of schemas that return a JSON Schema: those of Standard JSON Schema, of zod and of arktype. */
interface Convertible {
  readonly '~standard'?: {
    readonly jsonSchema?: { input?(options: { target: string; libraryOptions: object }): unknown };
  };
  toJSONSchema?(options: object): unknown;
  toJsonSchema?(): unknown;
}

/**
 * Returns the JSON Schema of the values that a schema accepts before it converts them, or `{}` if its library cannot
 * express the schema. Parts that JSON Schema cannot express, such as coercions, accept every value.
 */
export function jsonSchemaOf(schema: StandardSchema): JsonSchema {
  const given = schema as Convertible;
  const ways = [
    () => given['~standard']?.jsonSchema?.input?.({ target, libraryOptions }),
    () => given.toJSONSchema?.({ io: 'input', ...libraryOptions }),
    () => given.toJsonSchema?.(),
  ];
  for (const way of ways) {
    const data = dataOf(way);
    if (data !== undefined) return mayBeMissing(schema, data) ? { anyOf: [data, { type: 'null' }] } : data;
  }
  return {};
}

/** Returns the plain data of a JSON Schema. Returns `undefined` if the library gives none or fails. */
function dataOf(give: () => unknown): Record<string, unknown> | undefined {
  try {
    const data: unknown = JSON.parse(JSON.stringify(give()));
    if (!isPlainObject(data)) return undefined;
    const { $schema: _, ...rest } = data;
    return rest;
  } catch {
    return undefined;
  }
}

/** Returns a schema that may be given as plain data. */
export function asSchema(schema: StandardSchema | JsonSchema): StandardSchema {
  return isSchema(schema) ? schema : fromJsonSchema(schema);
}

const validators = new WeakMap<JsonSchema, Promise<Validator>>();

/**
 * Makes a Standard Schema from a JSON Schema. Values are checked and not converted. `undefined` counts as `null`, because
 * JSON has no `undefined`.
 */
export function fromJsonSchema(data: JsonSchema): StandardSchema {
  const validate = async (value: unknown) => {
    const { valid, errors } = (await validatorOf(data)).validate(value ?? null);
    return valid ? { value } : { issues: decisive(errors).map((error) => issueOf(error)) };
  };
  const jsonSchema = { input: () => data, output: () => data };
  const standard = { version: 1 as const, vendor: 'json-schema', validate, jsonSchema };
  return { '~standard': standard };
}

/** Loads the validator with the first value that is checked, because most programs never need it. */
function validatorOf(data: JsonSchema): Promise<Validator> {
  let known = validators.get(data);
  if (known === undefined) {
    known = import('@cfworker/json-schema').then(
      (library) => new library.Validator(data as AnyJsonSchema, '2020-12', false),
    );
    validators.set(data, known);
  }
  return known;
}

/** Keywords whose error says more than the errors of their alternatives. */
const alternatives = ['anyOf', 'oneOf'];

/** Returns the errors that no other error explains: of nested errors the innermost, of alternatives the outermost. */
function decisive(errors: readonly OutputUnit[]): readonly OutputUnit[] {
  const outer = errors.filter(({ keyword }) => alternatives.includes(keyword));
  const isWithin = (one: OutputUnit, other: OutputUnit) => one.keywordLocation.startsWith(`${other.keywordLocation}/`);
  const top = errors.filter((error) => !outer.some((other) => isWithin(error, other)));
  return top.filter((error) => !top.some((other) => isWithin(other, error)));
}

function issueOf({ instanceLocation, error }: OutputUnit): SchemaIssue {
  const steps = instanceLocation.replace(/^#\/?/, '').split('/');
  const path = steps.filter((step) => step !== '').map((step) => unescaped(step));
  return { message: error.replace(/\.$/, ''), path };
}

function unescaped(step: string): string {
  return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
}
