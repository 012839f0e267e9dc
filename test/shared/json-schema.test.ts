import { toStandardJsonSchema } from '@valibot/to-json-schema';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { asSchema, fromJsonSchema, jsonSchemaOf } from '../../src/shared/json-schema.js';
import { textOfSchema } from '../../src/shared/json-schema-text.js';
import { checkedBy, pathTo } from '../../src/shared/schema-check.js';

const messageOf = async (schema: object, value: unknown) => {
  try {
    await checkedBy(fromJsonSchema(schema as never), value, 'value');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

describe('the JSON Schema of a schema', () => {
  it('is the one that the library gives, of the values before they are converted', () => {
    const schema = z.object({ at: z.coerce.date(), count: z.string().transform(Number), note: z.string().default('') });
    expect(jsonSchemaOf(schema)).toEqual({
      type: 'object',
      properties: { at: {}, count: { type: 'string' }, note: { type: 'string', default: '' } },
      required: ['at', 'count'],
    });
    expect(jsonSchemaOf(type({ total: 'number' }) as never)).toEqual({
      type: 'object',
      properties: { total: { type: 'number' } },
      required: ['total'],
    });
  });

  it('is given by methods of older versions, too', () => {
    const without = { '~standard': { version: 1 as const, vendor: 'old', validate: () => ({ value: 1 }) } };
    const zod = { ...without, toJSONSchema: (options: object) => ({ type: 'string', options }) };
    expect(jsonSchemaOf(zod)).toMatchObject({ type: 'string', options: { io: 'input', unrepresentable: 'any' } });
    expect(jsonSchemaOf({ ...without, toJsonSchema: () => ({ type: 'number' }) } as never)).toEqual({ type: 'number' });
  });

  it('refuses nothing that the schema takes because it converts', () => {
    const zod = z.object({
      count: z.coerce.number().min(1).describe('how many'),
      code: z.string().trim().max(3),
      note: z.number().catch(0).readonly(),
      before: z.preprocess(Number, z.number()),
      list: z.array(z.coerce.boolean()),
      exact: z.number().min(1),
    });
    expect(jsonSchemaOf(zod)).toEqual({
      type: 'object',
      properties: {
        count: { description: 'how many' },
        code: { type: 'string' },
        note: { default: 0 },
        before: {},
        list: { type: 'array', items: {} },
        exact: { type: 'number', minimum: 1 },
      },
      required: ['count', 'code', 'list', 'exact'],
    });
    const valibot = v.object({ note: v.fallback(v.number(), 0), exact: v.pipe(v.number(), v.minValue(1)) });
    expect(jsonSchemaOf(toStandardJsonSchema(valibot))).toEqual({
      type: 'object',
      properties: { note: {}, exact: { type: 'number', minimum: 1 } },
      required: ['exact'],
    });
    expect(jsonSchemaOf(toStandardJsonSchema(v.pipe(v.unknown(), v.transform(Number), v.number())))).toEqual({});
    const arktype = type({ count: 'string.integer.parse', text: type('string.trim').to('string <= 3') });
    expect(jsonSchemaOf(arktype as never)).toMatchObject({
      properties: { count: { type: 'string' }, text: { type: 'string' } },
    });
    expect((jsonSchemaOf(arktype as never).properties as Record<string, object>).text).toEqual({ type: 'string' });
  });

  it('takes a value that may be left out', async () => {
    const withDefault = toStandardJsonSchema(v.optional(v.string(), 'x'));
    for (const schema of [z.string().optional(), z.string().default('x'), withDefault]) {
      const data = jsonSchemaOf(schema as never);
      expect(await messageOf(data, undefined)).toBe(undefined);
      expect(await messageOf(data, 5)).toMatch(/^value: /);
    }
    expect(await messageOf(jsonSchemaOf(z.string()), undefined)).toMatch(/^value: /);
  });

  it('accepts everything if the library gives none, or fails', () => {
    expect(jsonSchemaOf(v.string())).toEqual({});
    expect(jsonSchemaOf(toStandardJsonSchema(v.string()))).toEqual({ type: 'string' });
    const fails = () => {
      throw new Error('not expressible');
    };
    const schema = { '~standard': { version: 1 as const, vendor: 'x', validate: () => ({ value: 1 }) } };
    expect(jsonSchemaOf({ ...schema, toJSONSchema: fails } as never)).toEqual({});
  });
});

describe('a JSON Schema', () => {
  it('names the innermost fault, and of alternatives the outermost', async () => {
    const schema = {
      type: 'object',
      properties: {
        'a/b~c d': { type: 'array', items: { type: 'integer', minimum: 2 } },
        either: { anyOf: [{ type: 'string' }, { type: 'object', properties: { x: { type: 'number' } } }] },
        same: { $ref: '#/$defs/name' },
      },
      required: ['same'],
      $defs: { name: { type: 'string', maxLength: 3 } },
    };
    expect(await messageOf(schema, { 'a/b~c d': [5, 1], either: { x: 'y' }, same: 'four' })).toBe(
      'value["a/b~c d"][1]: 1 is less than 2; value.either: Instance does not match any subschemas; ' +
        'value.same: String is too long (4 > 3)',
    );
    expect(await messageOf(schema, {})).toMatch(/^value: .*"same"/);
    expect(await messageOf(schema, { same: 'abc' })).toBeUndefined();
  });

  it('takes undefined for null, and accepts everything if it is empty', async () => {
    expect(await messageOf({ type: 'object' }, undefined)).toMatch(/^value: .*"null" is invalid/);
    expect(await messageOf({ type: 'null' }, undefined)).toBeUndefined();
    for (const value of [undefined, null, 5, [], {}]) expect(await messageOf({}, value)).toBeUndefined();
  });

  it('gives back the value itself, and the schema itself', async () => {
    const value = { a: [1] };
    const data = { type: 'object' };
    expect(await checkedBy(fromJsonSchema(data), value, 'v')).toBe(value);
    expect(jsonSchemaOf(fromJsonSchema(data))).toEqual(data);
    const schema = z.string();
    expect(asSchema(schema)).toBe(schema);
  });
});

describe('the text of a JSON Schema', () => {
  it('is like a type', () => {
    const schema = z.object({
      id: z.string(),
      kind: z.enum(['a', 'b']),
      exact: z.literal(5).optional(),
      list: z.array(z.union([z.string(), z.number()])),
      rows: z.array(z.object({ x: z.number() })),
      pair: z.tuple([z.string(), z.boolean()]),
      'odd key': z.null(),
      any: z.unknown(),
      map: z.record(z.string(), z.number()),
    });
    expect(textOfSchema(jsonSchemaOf(schema))).toBe(
      '{ id: string, kind: "a" | "b", exact?: 5, list: (string | number)[], rows: { x: number }[], ' +
        'pair: [string, boolean], "odd key": null, any: anything, map: object }',
    );
  });

  it('ends, however deep or long the schema is', () => {
    let deep: object = { type: 'string' };
    for (let level = 0; level < 20; level++) deep = { type: 'object', properties: { a: deep } };
    expect(textOfSchema(deep as never)).toContain('…');
    const wide = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key${index}`, {}]));
    expect(textOfSchema({ properties: wide })).toHaveLength(1_001);
    expect(textOfSchema({ type: ['string', 'null'] })).toBe('string | null');
    expect(textOfSchema({ allOf: [{ $ref: '#/$defs/a' }, { $ref: '#' }] })).toBe('a & the same again');
    expect(textOfSchema({ type: 'array' })).toBe('anything[]');
  });
});

describe('a path', () => {
  it('shows keys as one would write them', () => {
    expect(pathTo('a', ['b', 0, { key: '1' }, 'c d', Symbol('s')])).toBe('a.b[0][1]["c d"]["Symbol(s)"]');
    expect(pathTo('a')).toBe('a');
  });
});
