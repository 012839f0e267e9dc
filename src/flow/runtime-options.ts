import type { Orchestrator } from '../kernel/orchestrator.js';
import { anOrchestrator } from '../kernel/origin.js';
import { aLogger, type Logger } from '../shared/logger.js';
import { aFunction, anObjectOf, invalid, type Reader } from '../shared/validate.js';
import type { Evaluator } from './execution/expression.js';
import type { NodeMiddleware, Registry } from './node.js';
import type { Serializer } from './run/serializer.js';
import { anObjectWith, aRecord } from './run-options.js';

/** What `new FlowRuntime` takes. */
export interface FlowRuntimeOptions {
  /** What blueprints use, by name. Default: empty. */
  readonly registry?: Registry | undefined;
  /** Whose hooks, policies and initial state hold for all runs. Default: a new one. */
  // biome-ignore lint/suspicious/noExplicitAny: the state of any orchestrator can be a context
  readonly orchestrator?: Orchestrator<any> | undefined;
  /** Wraps each execution of a node; the first is the outermost. Default: none. */
  readonly middleware?: readonly NodeMiddleware[] | undefined;
  /** Writes and reads what crosses a checkpoint. Default: `DefaultSerializer`. */
  readonly serializer?: Serializer | undefined;
  /** Parses conditions, transforms and inputs in data. Default: as CEL. */
  readonly evaluator?: Evaluator | undefined;
  /** What nodes get as `args.logger`: pino, console, or anything shaped like them. Default: a `NullLogger`. */
  readonly logger?: Logger | undefined;
  /** What nodes find in `args.dependencies`: clients, pools. Default: none. */
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
