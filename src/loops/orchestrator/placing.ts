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

/** What loops are given that do not say themselves. */
export interface PlacingOptions extends LoopRuntime {
  /** What the queues of the workflow do when they are full. */
  readonly overflows: () => Readonly<Record<string, Overflow>>;
}

/**
 * Finds the place of a loop that is loaded. One that is put together here is checked at once.
 *
 * @returns the loop with its place, and what makes it anew there for each of its lives
 * @throws {ValidationError} for a field that is unknown or of the wrong kind
 * @throws {LoopDefinitionError} that lists every fault
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

export function isRemote({ pool }: PlacedLoop): boolean {
  return pool === 'thread' || pool === 'process';
}

/** A loop of a module lives in a thread or a process, or on the event loop of this program. */
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
  'is made with another copy of this package, which does not know the orchestrator of this one: give the loop its own, new Loop(id, { orchestrator })';

/** A loop that is put together here lives here. */
function inProgram(placed: PlacedLoop, source: LoopSource, options: PlacingOptions): [PlacedLoop, () => PooledLoop] {
  const { orchestrator = options.orchestrator, registry } = source;
  const plan = planOf({ ...source, orchestrator, registry: { ...options.registry, ...registry } });
  if (isRemote(placed)) {
    const message = `loop "${plan.id}" is put together in this program, so it cannot live in a ${placed.pool}: give the module that exports it (module, export)`;
    throw new LoopDefinitionError([{ message, loopId: plan.id }]);
  }
  return [placed, () => new AsyncLoop(async () => ({ plan, LoopManager }))];
}
