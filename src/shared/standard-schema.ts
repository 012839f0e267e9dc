/*
 * The interface of Standard Schema 1 (https://standardschema.dev), which zod, valibot, arktype and others implement. Its
 * authors mean it to be copied, so that packages that accept schemas need no dependency.
 */

/**
 * A schema of any library that implements Standard Schema: zod, valibot, arktype and others. It checks a value, and may
 * convert it.
 *
 * @typeParam Input - the type of the values that the schema accepts
 * @typeParam Output - the type of the values that it returns
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    /** Version of the interface. */
    readonly version: 1;
    /** Name of the library, as in `zod`. */
    readonly vendor: string;
    /** Checks a value. Returns the value, converted if the schema converts, or the faults that were found. */
    readonly validate: (value: unknown) => Checked<Output> | Promise<Checked<Output>>;
    /** Types of the schema, which exist only in types. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

type Checked<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** A fault that a schema has found in a value. */
export interface SchemaIssue {
  /** Description of the fault. */
  readonly message: string;
  /** Keys that lead to the faulty part of the value. Default: the whole value. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type of the values that a schema accepts. */
export type SchemaInput<Schema extends StandardSchema<unknown, unknown>> = NonNullable<
  Schema['~standard']['types']
>['input'];

/** The type of the values that a schema returns. */
export type SchemaOutput<Schema extends StandardSchema<unknown, unknown>> = NonNullable<
  Schema['~standard']['types']
>['output'];
