import type { Orchestrator } from '../kernel/orchestrator.js';
import { anOrchestrator } from '../kernel/origin.js';
import { aLogger, type Logger } from '../shared/logger.js';
import type { Serializer } from '../shared/serializer.js';
import { aFunction, anObjectOf, invalid, type Reader } from '../shared/validate.js';
import type { Evaluator } from './execution/expression.js';
import type { NodeMiddleware, Registry } from './node.js';
import { anObjectWith, aRecord } from './run-options.js';

/**
 * The options of `new FlowRuntime(options)`: settings that all flows of the runtime share. All of them are optional. An
 * unknown or malformed option causes a `ValidationError`.
 */
export interface FlowRuntimeOptions {
  /** The functions, actions, node classes and flows that blueprints refer to by name. Default: empty. */
  readonly registry?: Registry | undefined;
  /** The orchestrator whose hooks, policies and initial state apply to all runs. Default: a new orchestrator. */
  // biome-ignore lint/suspicious/noExplicitAny: the state of any orchestrator can be a context
  readonly orchestrator?: Orchestrator<any> | undefined;
  /** Functions that wrap each execution of a node. The first function is the outermost. Default: none. */
  readonly middleware?: readonly NodeMiddleware[] | undefined;
  /** Converts values to text and back, for checkpoints and snapshots. Default: `DefaultSerializer`. */
  readonly serializer?: Serializer | undefined;
  /** Parses the expressions in conditions, transforms and inputs. Default: an evaluator of CEL expressions. */
  readonly evaluator?: Evaluator | undefined;
  /**
   * The logger that nodes get as `args.logger`: pino, console, or an object with the same methods. Default: a
   * `NullLogger`.
   */
  readonly logger?: Logger | undefined;
  /** A value that nodes get as `args.dependencies`, for example database clients and pools. Default: undefined. */
  readonly dependencies?: unknown;
}

export const readRuntimeOptions = anObjectOf<FlowRuntimeOptions>({
  registry: aRecord,
  orchestrator: anOrchestrator,
  middleware: (value, field) => {
    if (!Array.isArray(value)) throw invalid(field, 'an array of functions', value);
    for (const [index, wrap] of value.entries()) aFunction(wrap, `${field}.${index}`);
    return value;
  },
  serializer: anObjectWith('serialize', 'deserialize'),
  evaluator: anObjectWith('parse'),
  logger: aLogger,
  dependencies: ((value) => value) as Reader,
});
