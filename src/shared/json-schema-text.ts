import type { JsonSchema } from './json-schema.js';
import { cut } from './text.js';
import { isPlainObject } from './validate.js';

/** Maximum nesting depth and maximum length of a description. What is deeper or longer is written as `…`. */
const deepest = 6;
const longest = 1_000;

/**
 * Describes in one line the values that a JSON Schema accepts, in the notation of TypeScript: `{ by: string, note?:
 * string }`. Limits such as `minimum` are left out.
 */
export function textOfSchema(schema: JsonSchema): string {
  const text = textOf(schema, 0);
  return text.length > longest ? `${cut(text, longest)}…` : text;
}

function textOf(schema: unknown, depth: number): string {
  if (!isPlainObject(schema)) return schema === false ? 'nothing' : 'anything';
  if (depth > deepest) return '…';
  const { $ref, const: constant, enum: values, anyOf, oneOf, allOf, type } = schema;
  if (typeof $ref === 'string') return $ref === '#' ? 'the same again' : ($ref.split('/').at(-1) as string);
  if ('const' in schema) return JSON.stringify(constant);
  if (Array.isArray(values)) return joined(values.map((value) => JSON.stringify(value)));
  const parts = anyOf ?? oneOf;
  if (Array.isArray(parts)) return joined(parts.map((part) => textOf(part, depth + 1)));
  if (Array.isArray(allOf))
    return joined(
      allOf.map((part) => textOf(part, depth + 1)),
      ' & ',
    );
  if (Array.isArray(type)) return joined(type.map((one) => textOf({ ...schema, type: one }, depth)));
  if (type === 'array') return textOfArray(schema, depth);
  if (type === 'object' || 'properties' in schema) return textOfObject(schema, depth);
  return typeof type === 'string' ? type : 'anything';
}

function textOfArray({ items, prefixItems }: JsonSchema, depth: number): string {
  if (Array.isArray(prefixItems)) return `[${prefixItems.map((item) => textOf(item, depth + 1)).join(', ')}]`;
  const item = textOf(items, depth + 1);
  return /[|&]/.test(item) && !item.startsWith('{') ? `(${item})[]` : `${item}[]`;
}

function textOfObject({ properties, required }: JsonSchema, depth: number): string {
  if (!isPlainObject(properties) || Object.keys(properties).length === 0) return 'object';
  const needed: readonly unknown[] = Array.isArray(required) ? required : [];
  const fields = Object.entries(properties).map(([key, schema]) => {
    const name = /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? key : JSON.stringify(key);
    return `${name}${needed.includes(key) ? '' : '?'}: ${textOf(schema, depth + 1)}`;
  });
  return `{ ${fields.join(', ')} }`;
}

function joined(parts: readonly string[], by = ' | '): string {
  return [...new Set(parts)].join(by);
}
