import { ValidationError } from '../../shared/errors.js';
import { aName, invalid, isPlainObject } from '../../shared/validate.js';
import {
  isModuleLoop,
  type LoopDefinition,
  type LoopRuntime,
  type LoopSource,
  type ModuleLoop,
  type Overflow,
  type PlacedLoop,
} from '../definition.js';
import { LoopDefinitionError, LoopModuleError } from '../errors.js';
import { Loop } from '../loop.js';
import { LoopManager } from '../manager/loop-manager.js';
import { planOf } from '../plan.js';
import { AsyncLoop } from '../pools/async.js';
import { hosting, ownHosting } from '../pools/hosting.js';
import { hrefOf, loadLoop } from '../pools/module.js';
import type { PooledLoop } from '../pools/pool.js';
import { RemoteLoop } from '../pools/remote.js';
import type { LoadedLoop } from './contracts.js';
import { readPlacement } from './options.js';

/** Defaults for loops without a registry or an orchestrator of their own. */
export interface PlacingOptions extends LoopRuntime {
  /** The overflow policies of the queues of the workflow. */
  readonly overflows: () => Readonly<Record<string, Overflow>>;
}

/**
 * Reads a loaded loop and its placement. Checks the loop at once if it is built in this program.
 *
 * @returns the loop with its placement, and a function that creates the loop in its pool, once for each life
 * @throws {ValidationError} for a field that is unknown or of the wrong kind
 * @throws {LoopDefinitionError} with every fault
 */
export function place(
  loaded: LoadedLoop,
  field: string,
  options: PlacingOptions,
): readonly [PlacedLoop, () => PooledLoop] {
  if (loaded instanceof Loop) return inProgram({ ...loaded.toDefinition() }, loaded.source, options);
  if (!isPlainObject(loaded)) throw invalid(field, 'a Loop, or an object', loaded);
  if ('loop' in loaded) {
    const { loop, ...placement } = loaded;
    if (!(loop instanceof Loop)) throw invalid(`${field}.loop`, 'a Loop', loop);
    const placed = { ...readPlacement(placement, field), ...loop.toDefinition() } as PlacedLoop;
    return inProgram(placed, loop.source, options);
  }
  const { pool, resourceLimits, onCrash, ...rest } = loaded as unknown as PlacedLoop;
  const placement = readPlacement({ pool, resourceLimits, onCrash }, field);
  if (isModuleLoop(rest)) {
    return inModule({ ...readPlacement(rest, field), ...placement } as PlacedLoop & ModuleLoop, field, options);
  }
  const definition = rest as LoopDefinition;
  const source = { definition, implementations: new Map(), registry: options.registry };
  return inProgram({ ...placement, ...definition } as PlacedLoop, source, options);
}

/** Returns true if the loop lives in a thread or process. */
export function isRemote({ pool }: PlacedLoop): boolean {
  return pool === 'thread' || pool === 'process';
}

/** Places a loop that a module defines: in a thread, in a process, or on the event loop of this program. */
function inModule(
  placed: PlacedLoop & ModuleLoop,
  field: string,
  options: PlacingOptions,
): [PlacedLoop, () => PooledLoop] {
  aName(placed.id, `${field}.id`);
  if (placed.resourceLimits !== undefined && placed.pool !== 'thread') {
    throw new ValidationError(`${field}.resourceLimits is for the pool thread, not for ${placed.pool ?? 'async'}`);
  }
  if (isRemote(placed)) return [placed, () => new RemoteLoop(placed, options.overflows)];
  return [placed, () => new AsyncLoop(() => loadPlan(placed, options))];
}

async function loadPlan(placed: ModuleLoop, options: PlacingOptions) {
  const { source, [hosting]: its } = await loadLoop(placed);
  const { orchestrator = options.orchestrator } = source;
  if (its !== ownHosting && orchestrator !== source.orchestrator)
    throw new LoopModuleError(hrefOf(placed), anotherCopy);
  const plan = its.planOf({ ...source, orchestrator, definition: { ...source.definition, id: placed.id } });
  return { plan, LoopManager: its.LoopManager };
}

const anotherCopy =
  'creates its loop with another copy of this package, which cannot use the orchestrator of this copy: pass one to the loop, new Loop(id, { orchestrator })';

/** Places a loop that is built in this program. Such a loop can only live on the event loop of this program. */
function inProgram(placed: PlacedLoop, source: LoopSource, options: PlacingOptions): [PlacedLoop, () => PooledLoop] {
  const { orchestrator = options.orchestrator, registry } = source;
  const plan = planOf({ ...source, orchestrator, registry: { ...options.registry, ...registry } });
  if (isRemote(placed)) {
    const message = `loop "${plan.id}" is built in this program, so it cannot live in a ${placed.pool}: load it from a module (module, export)`;
    throw new LoopDefinitionError([{ message, loopId: plan.id }]);
  }
  return [placed, () => new AsyncLoop(async () => ({ plan, LoopManager }))];
}
