import { sourceOf } from '../kernel/action.js';
import { Orchestrator } from '../kernel/orchestrator.js';
import { originOf } from '../kernel/origin.js';
import type { Core } from '../kernel/process.js';
import { ValidationError } from '../shared/errors.js';
import { type AnyFunction, aFunction, invalid, isPlainObject } from '../shared/validate.js';

/**
 * A function that can replace the function of an action. The fake receives the arguments of the action, and returns the
 * result or a promise of the result.
 *
 * @example
 * const fake: Fake<typeof fetchUser> = async (id) => ({ id, name: 'Ada' });
 */
export type Fake<Action> = Action extends (...args: infer Args) => PromiseLike<infer Result>
  ? (...args: Args) => Result | PromiseLike<Result>
  : never;

/** Stubs in force. When declared with `using`, they are removed at the end of the block. */
export interface Stub {
  /**
   * Removes these stubs, so that earlier stubs of the same actions are in force again. May be called more than once.
   */
  restore(): void;
  [Symbol.dispose](): void;
}

type NotAFunction<Target> = Target extends (...args: never[]) => unknown ? never : unknown;

// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, no other type takes every function
type AnyFake = (...args: any[]) => unknown;

type Layer = ReadonlyMap<string, AnyFunction>;

/** Stubs in force, by orchestrator. Later layers take precedence. */
const layers = new WeakMap<Core, readonly Layer[]>();

/**
 * Replaces the functions of actions by fakes. Policies, hooks and middleware apply to a fake as they do to the
 * function, and each attempt calls the fake. Stubs apply to running tasks from their next attempt on, and to actions
 * used as nodes of flows and loops.
 *
 * Actions are found by their names, so a stub also applies to copies made by `withOptions`, and to actions that are
 * defined later. An orchestrator does not know its actions, so a name without an action has no effect. If `target` is
 * an action or an object of actions, names and types are checked.
 *
 * @param target - an orchestrator, an object of actions (such as `orchestrator.actions` returns), or a single action
 * @param fakes - the functions that replace those of the actions, by name or key; for a single action, one function
 * @throws {ValidationError} if a fake is not a function, or has no action among the given actions
 * @example
 * using stubs = stub(orchestrator, { fetchUser: async (id: string) => ({ id, name: 'Ada' }) });
 * expect(await greet('42')).toBe('Hello Ada');
 */
// biome-ignore lint/suspicious/noExplicitAny: an orchestrator may have any state
export function stub(target: Orchestrator<any>, fakes: Readonly<Record<string, AnyFake>>): Stub;
export function stub<Action extends (...args: never[]) => PromiseLike<unknown>>(
  target: Action,
  fake: Fake<NoInfer<Action>>,
): Stub;
export function stub<Actions extends object>(
  target: Actions & NotAFunction<Actions>,
  fakes: { readonly [Key in keyof Actions]?: Fake<NoInfer<Actions>[Key]> },
): Stub;
export function stub(target: unknown, fakes: unknown): Stub {
  const stubs = [...stubsOf(target, fakes)];
  const restore = stubs.map(([core, layer]) => put(core, layer));
  const restoreAll = () => {
    for (const remove of restore) remove();
  };
  return { restore: restoreAll, [Symbol.dispose]: restoreAll };
}

/** Returns the layers created from the fakes, by orchestrator. */
function stubsOf(target: unknown, fakes: unknown): Map<Core, Map<string, AnyFunction>> {
  const stubs = new Map<Core, Map<string, AnyFunction>>();
  const add = (core: Core, name: string, fake: unknown, field: string) => {
    const layer = stubs.get(core) ?? new Map();
    stubs.set(core, layer.set(name, aFunction(fake, field)));
  };
  if (typeof target === 'function') {
    const { core, name } = actionOf(target as AnyFunction, 'target');
    add(core, name, fakes, 'fake');
    return stubs;
  }
  if (!isPlainObject(fakes)) throw invalid('fakes', 'an object of functions', fakes);
  const origin = target instanceof Orchestrator ? originOf(target) : undefined;
  for (const [key, fake] of Object.entries(fakes)) {
    const { core, name } =
      origin === undefined ? actionOf(memberOf(target, key), `target.${key}`) : { core: origin.core, name: key };
    add(core, name, fake, `fakes.${key}`);
  }
  return stubs;
}

function memberOf(target: unknown, key: string): AnyFunction {
  if (typeof target !== 'object' || target === null) {
    throw invalid('target', 'an Orchestrator, an action or an object of actions', target);
  }
  return (target as Readonly<Record<string, AnyFunction>>)[key] as AnyFunction;
}

function actionOf(action: AnyFunction, field: string): { readonly core: Core; readonly name: string } {
  const source = typeof action === 'function' ? sourceOf(action) : undefined;
  if (source === undefined) throw invalid(field, 'an action', action);
  if (source.name === 'anonymous') {
    throw new ValidationError(`${field} has no name that a stub could find it by: give the action a name`);
  }
  return source;
}

/** Puts a layer into force, and returns a function that removes the layer. */
function put(core: Core, layer: Layer): () => void {
  const use = (inForce: readonly Layer[]) => {
    layers.set(core, inForce);
    core.stubs = inForce.length === 0 ? undefined : new Map(inForce.flatMap((each) => [...each]));
  };
  use([...(layers.get(core) ?? []), layer]);
  return () => use((layers.get(core) ?? []).filter((other) => other !== layer));
}
