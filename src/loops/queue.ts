import type { JsonSchema } from '../shared/json-schema.js';
import type { SchemaInput, SchemaOutput, StandardSchema } from '../shared/standard-schema.js';
import type { QueueDefinition } from './definition.js';
import { readQueue } from './options.js';

/**
 * A queue whose messages have a type: what `queue` returns. Without a schema the type exists only in types.
 *
 * @typeParam Value - the type of the messages, as loops read and push them
 * @typeParam Given - the type of the values that are pushed from outside, before the schema converts them
 */
export interface TypedQueue<Value, Given = Value> extends QueueDefinition {
  /** Carries the types; the property does not exist at run time. */
  readonly messageType?: { readonly value: Value; readonly given: Given } | undefined;
}

/** Queues by name, with the types of their messages if these are known. */
export type TypedQueues = Readonly<Record<string, QueueDefinition>>;

/** The type of the messages of a queue. `any` for a queue without a type. */
export type QueueValue<Queues, Name> = Messages<Queues, Name>['value'];

/** The type of the values that are pushed to a queue from outside. `any` for a queue without a type. */
export type QueueGiven<Queues, Name> = Messages<Queues, Name>['given'];

type Messages<Queues, Name> = Name extends keyof Queues
  ? Queues[Name] extends TypedQueue<infer Value, infer Given>
    ? unknown extends Value
      ? Untyped
      : { readonly value: Value; readonly given: Given }
    : Untyped
  : Untyped;

interface Untyped {
  // biome-ignore lint/suspicious/noExplicitAny: nothing says what is in the queue
  readonly value: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly given: any;
}

/**
 * The names of the queues whose messages have different types in the records of a union; `never` if there are none. A
 * queue without a type agrees with every other.
 */
export type Disputed<Queues> = Between<Queues, Queues>;

type Between<Queues, Others> = Queues extends unknown
  ? Others extends unknown
    ? NotSame<Queues, Others, keyof Queues & keyof Others>
    : never
  : never;

type NotSame<Queues, Others, Name> = Name extends string
  ? [QueueValue<Queues, Name>, QueueValue<Others, Name>] extends [QueueValue<Others, Name>, QueueValue<Queues, Name>]
    ? never
    : Name
  : never;

/** The definition of a queue with a schema of its messages. */
export interface QueueWithSchema<Schema extends StandardSchema> extends QueueDefinition {
  readonly schema: Schema;
}

/**
 * Defines a queue whose messages have a type. Give the queues to `load`, and to the `queues` option of the loops that
 * use them: their `read` and `push` are then checked by the types.
 *
 * @param definition - capacity, overflow policy, type, and `schema`, from which the type follows. Default: the defaults
 *   of each field
 * @throws {ValidationError} for a field that is unknown or of the wrong kind
 *
 * @example
 * const queues = { orders: queue<Order>({ capacity: 100 }), payments: queue({ schema: z.object({ cents: z.int() }) }) };
 * const loop = new Loop('charge', { queues }).read('take', 'payments').blocking('charge', ({ cents }) => charge(cents));
 * const orchestrator = new WorkflowOrchestrator().load({ queues, loops: [loop] });
 */
export function queue<Schema extends StandardSchema>(
  definition: QueueWithSchema<Schema>,
): TypedQueue<SchemaOutput<Schema>, SchemaInput<Schema>>;
// biome-ignore lint/suspicious/noExplicitAny: without a type argument the queue may hold anything
export function queue<Value = any>(
  definition?: Omit<QueueDefinition, 'schema'> & { readonly schema?: JsonSchema | undefined },
): TypedQueue<Value>;
export function queue(definition: QueueDefinition = {}): QueueDefinition {
  return readQueue(definition, 'queue');
}
