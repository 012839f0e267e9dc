import { anonymous, sourceOf } from '../kernel/actions/action.js';
import { Orchestrator } from '../kernel/orchestrator.js';
import { originOf } from '../kernel/origin.js';
import { type Core, mostNames } from '../kernel/scope/process.js';
import { closestTo } from '../shared/closest.js';
import { ValidationError } from '../shared/errors.js';
import { type AnyFunction, aBoolean, aFunction, anObjectOf, invalid, isPlainObject } from '../shared/validate.js';

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

/** Options of `stub` with an orchestrator. */
export interface StubOptions {
  /**
   * If true, names without an action are accepted, for actions that are defined later. Default: false, such a name is
   * refused.
   */
  readonly allowUnknown?: boolean | undefined;
}

const readStubOptions = anObjectOf<StubOptions>({ allowUnknown: aBoolean });

type NotAFunction<Target> = Target extends (...args: never[]) => unknown ? never : unknown;

// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, no other type takes every function
type AnyFake = (...args: any[]) => unknown;

/** Fakes by the names of their actions, with the field in which each was given. */
type Layer = ReadonlyMap<string, { readonly fake: AnyFunction; readonly field: string }>;

/** Stubs in force, by orchestrator. Later layers take precedence. */
const layers = new WeakMap<Core, readonly Layer[]>();

/**
 * Replaces the functions of actions by fakes. Policies, hooks and middleware apply to a fake as they do to the
 * function, and each attempt calls the fake. Stubs apply to running tasks from their next attempt on, and to actions
 * used as nodes of flows and loops. Results that `share` has kept are forgotten when a stub is set and when it is
 * removed.
 *
 * Actions are found by their names, so a stub also applies to copies made by `withOptions`, and to actions of that name
 * that are defined later. For an orchestrator, the names are checked, as long as it has fewer than 1000 actions with
 * different names. For an action or an object of actions, the types of the fakes are checked, too.
 *
 * @param target - an orchestrator, an object of actions (such as `orchestrator.actions` returns), or a single action
 * @param fakes - the functions that replace those of the actions, by name or key; for a single action, one function
 * @param options - for an orchestrator: `allowUnknown` accepts names without an action
 * @throws {ValidationError} if a fake is not a function, if there is no action of its name, or if different fakes are
 *   for actions with the same name
 * @example
 * using stubs = stub(orchestrator, { fetchUser: async (id: string) => ({ id, name: 'Ada' }) });
 * expect(await greet('42')).toBe('Hello Ada');
 */
// biome-ignore lint/suspicious/noExplicitAny: an orchestrator may have any state
export function stub(target: Orchestrator<any>, fakes: Readonly<Record<string, AnyFake>>, options?: StubOptions): Stub;
export function stub<Action extends (...args: never[]) => PromiseLike<unknown>>(
  target: Action,
  fake: Fake<NoInfer<Action>>,
): Stub;
export function stub<Actions extends object>(
  target: Actions & NotAFunction<Actions>,
  fakes: { readonly [Key in keyof Actions]?: Fake<NoInfer<Actions>[Key]> },
): Stub;
export function stub(target: unknown, fakes: unknown, options: unknown = {}): Stub {
  const stubs = [...stubsOf(target, fakes, readStubOptions(options))];
  const restore = stubs.map(([core, layer]) => put(core, layer));
  const restoreAll = () => {
    for (const remove of restore) remove();
  };
  return { restore: restoreAll, [Symbol.dispose]: restoreAll };
}

/** Returns the layers created from the fakes, by orchestrator. */
function stubsOf(target: unknown, fakes: unknown, { allowUnknown = false }: StubOptions): Map<Core, Layer> {
  const stubs = new Map<Core, Layer>();
  const add = (core: Core, name: string, given: unknown, field: string) => {
    const fake = aFunction(given, field);
    const layer = stubs.get(core);
    const other = layer?.get(name);
    if (other !== undefined && other.fake !== fake) throw sameName(name, other.field, field);
    stubs.set(core, new Map([...(layer ?? []), [name, { fake, field }]]));
  };
  if (typeof target === 'function') {
    const { core, name } = actionOf(target as AnyFunction, 'target');
    add(core, name, fakes, 'fake');
    return stubs;
  }
  if (!isPlainObject(fakes)) throw invalid('fakes', 'an object of functions', fakes);
  const origin = target instanceof Orchestrator ? originOf(target) : undefined;
  for (const [key, fake] of Object.entries(fakes)) {
    if (origin !== undefined && !allowUnknown) checkName(origin.core, key);
    const { core, name } =
      origin === undefined ? actionOf(memberOf(target, key), `target.${key}`) : { core: origin.core, name: key };
    add(core, name, fake, `fakes.${key}`);
  }
  return stubs;
}

function sameName(name: string, one: string, other: string): ValidationError {
  return new ValidationError(
    `${one} and ${other} replace actions that are both named "${name}", and stubs find actions by name: give the actions different names`,
  );
}

/** Throws if an orchestrator has no action of a name. Accepts all names if the orchestrator has too many to know all. */
function checkName({ names }: Core, name: string): void {
  if (names.has(name) || names.size >= mostNames) return;
  const closest = closestTo(name, names);
  const advice = `${closest === undefined ? '' : `did you mean "${closest}"? If not, `}define the action first`;
  throw new ValidationError(`fakes.${name} is not the name of an action: ${advice}, or give { allowUnknown: true }`);
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
  if (source.name === anonymous) {
    throw new ValidationError(`${field} has no name that a stub could find it by: give the action a name`);
  }
  return source;
}

/** Puts a layer into force, and returns a function that removes the layer. */
function put(core: Core, layer: Layer): () => void {
  const inForce = () => layers.get(core) ?? [];
  const use = (next: readonly Layer[]) => {
    layers.set(core, next);
    const changes = new Map(core.stubs?.changes);
    for (const name of layer.keys()) changes.set(name, (changes.get(name) ?? 0) + 1);
    const fakes = next.flatMap((each) => [...each].map(([name, { fake }]) => [name, fake] as const));
    core.stubs = { fakes: new Map(fakes), changes };
  };
  use([...inForce(), layer]);
  return () => {
    if (inForce().includes(layer)) use(inForce().filter((other) => other !== layer));
  };
}
