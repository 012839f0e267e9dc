/*
 * The JSON Schema of a schema that converts is to describe what the schema takes. zod and valibot describe the type of
 * the result instead where a schema takes more than the type says: coercions, fallbacks, and checks after a change of the
 * text. Both call a function for each part of a schema, which corrects the JSON Schema of that part.
 */

type Data = Record<string, unknown>;

/** A part of a zod schema, as documented for authors of libraries. */
interface ZodPart {
  readonly _zod: {
    readonly def: {
      readonly type: string;
      readonly coerce?: boolean;
      readonly in?: ZodPart;
      readonly innerType?: ZodPart;
      readonly shape?: Readonly<Record<string, ZodPart>>;
      readonly checks?: readonly { readonly _zod: { readonly def: { readonly check?: string } } }[];
    };
    /** Says if the part takes `undefined`. */
    readonly optin?: 'optional';
  };
}

/** A part of a valibot schema. */
interface ValibotPart {
  readonly fallback?: unknown;
  readonly entries?: Readonly<Record<string, ValibotPart>>;
}

/** Keywords that say nothing about which values are accepted. */
const notes = ['title', 'description', 'examples', 'default', 'deprecated'];

/** Options for libraries that implement Standard JSON Schema. A library ignores those of the others. */
export const libraryOptions = {
  unrepresentable: 'any',
  override: ({ zodSchema, jsonSchema }: { zodSchema: ZodPart; jsonSchema: Data }): void => {
    if (zodSchema._zod.def.coerce === true || takesAnything(zodSchema)) keep(jsonSchema, notes);
    else if (isChangedFirst(zodSchema)) keep(jsonSchema, [...notes, 'type']);
    relax(jsonSchema, (key) => takesAnything(zodSchema._zod.def.shape?.[key]));
  },
  overrideSchema: ({ valibotSchema, jsonSchema }: { valibotSchema: ValibotPart; jsonSchema: Data }): Data => {
    if (valibotSchema.fallback !== undefined) keep(jsonSchema, notes);
    relax(jsonSchema, (key) => valibotSchema.entries?.[key]?.fallback !== undefined);
    return jsonSchema;
  },
};

/** Returns true if a schema takes a value that is left out, which JSON Schema cannot say of a whole value. */
export function mayBeMissing(schema: object, data: Data): boolean {
  const { optin } = (schema as Partial<ZodPart>)._zod ?? {};
  return optin === 'optional' || 'default' in data;
}

/** Returns true if a part takes every value, also none: a part with a fallback, or behind a function. */
function takesAnything(part: ZodPart | undefined): boolean {
  if (part === undefined) return false;
  const { type, in: first, innerType } = part._zod.def;
  if (type === 'catch' || (type === 'pipe' && first?._zod.def.type === 'transform')) return true;
  return ['readonly', 'nullable'].includes(type) && takesAnything(innerType);
}

/** Returns true if the value is changed before it is checked, as by `trim`. */
function isChangedFirst({ _zod: { def } }: ZodPart): boolean {
  return def.checks?.some((check) => check._zod.def.check === 'overwrite') ?? false;
}

function keep(schema: Data, keywords: readonly string[]): void {
  for (const keyword of Object.keys(schema)) if (!keywords.includes(keyword)) delete schema[keyword];
}

/** Removes properties that may be missing from those that are required. */
function relax(schema: Data, mayMiss: (key: string) => boolean): void {
  if (!Array.isArray(schema.required)) return;
  const needed = schema.required.filter((key: string) => !mayMiss(key));
  if (needed.length > 0) schema.required = needed;
  else delete schema.required;
}
