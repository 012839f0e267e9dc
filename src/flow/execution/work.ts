import { callOf, functionOf, sourceOf, unshared } from '../../kernel/actions/action.js';
import { failureOf } from '../../kernel/errors.js';
import {
  applyPolicies,
  noPolicies,
  type OwnPolicies,
  overDefaults,
  type Policies,
} from '../../kernel/policies/policy.js';
import { isRetried } from '../../kernel/policies/retry.js';
import { type Core, enter, thisContext } from '../../kernel/scope/process.js';
import type { Work } from '../../kernel/scope/task.js';
import { type AnyFunction, invalid } from '../../shared/validate.js';
import { AbstractNode, Node, type NodeArgs, type NodeClass, type NodeMiddleware } from '../node.js';
import { ActionResult } from '../node-result.js';
import { behind, callIn, type NodeCall } from './node-call.js';
import { elsewhere } from './postponement.js';

/**
 * Makes the work of a node's task from a function, an action or a class. The arguments of the task are the input and
 * the `NodeCall`.
 *
 * @param defaults - the policies to use for options that `own` leaves out. With `none`, even the policies of an
 *   action do not apply
 */
export function workOf(target: AnyFunction | Node, core: Core, own: OwnPolicies, defaults: Policies | 'none'): Work {
  const source = target instanceof Node || isNodeClass(target) ? undefined : sourceOf(target);
  const isOurs = source?.core === core;
  const policies = overDefaults(own, defaults === 'none' ? noPolicies : isOurs ? source.policies : defaults);
  if (target instanceof Node || isNodeClass(target)) return phasesOf(target, policies);
  // An action of this orchestrator would start a second task inside the task, so the function that the action wraps is
  // used instead.
  return applyPolicies(policies, attemptOf(isOurs ? functionOf(source) : unshared(target), policies), elsewhere);
}

const innerWorks = new WeakSet<AnyFunction>();

/**
 * Marks work that this layer provides, such as batches and sub-flows. Such work gets the `NodeCall` itself instead of
 * the view of it that nodes get.
 */
export function innerWork(work: (input: unknown, call: NodeCall) => unknown): AnyFunction {
  innerWorks.add(work);
  return work;
}

function attemptOf(fn: AnyFunction, { retry, policy }: Policies): Work {
  const isInner = innerWorks.has(fn);
  const attempt = callOf((input: unknown, given: NodeCall) => {
    const call = given[behind];
    call.attempt++;
    return fn(input, isInner ? call : call.args);
  });
  if (policy === undefined && !isRetried(retry)) return attempt;
  return (task, scope) => {
    const call = callIn(task.args);
    const { own } = call;
    if (own === undefined) return attempt(task, scope);
    return call.try(own, scope.cancellation, call.input, (input) =>
      attempt({ ...task, args: [input, ...task.args.slice(1)] }, scope),
    );
  };
}

/**
 * Makes the work of a node with phases: `prep`, then `exec` with the policies (or `fallback` after a failure), then
 * `post`.
 */
function phasesOf(target: Node | NodeClass, policies: Policies): Work {
  const execOf = (node: Node) =>
    applyPolicies(
      policies,
      attemptOf((_input, args: NodeArgs) => node.exec(args), policies),
      elsewhere,
    );
  const shared = target instanceof Node ? execOf(target) : undefined;
  return async (task, scope) => {
    const call = callIn(task.args);
    const { args } = call;
    const node = target instanceof Node ? target : new target();
    const { cancellation } = scope;
    call.prepRes = await node.prep(args);
    cancellation.throwIfAborted();
    try {
      call.execRes = await (shared ?? execOf(node))(task, scope);
    } catch (thrown) {
      cancellation.throwIfAborted();
      if (call.postponed !== undefined) throw thrown;
      call.error = failureOf(thrown, task.name);
      call.execRes = await node.fallback(args);
    }
    cancellation.throwIfAborted();
    return chosen(await node.post(args), call);
  };
}

function chosen(action: unknown, { nodeId, execRes }: NodeCall): unknown {
  if (action === undefined || action === null) return execRes;
  if (typeof action === 'string') return new ActionResult(action, execRes);
  if (action instanceof ActionResult) return action;
  throw invalid(
    `the return value of post of "${nodeId}"`,
    'an action (a string), withAction(action, output), or nothing',
    action,
  );
}

/** Wraps work in middleware. The first middleware is the outermost. */
export function withMiddleware(middleware: readonly NodeMiddleware[], work: Work): Work {
  return middleware.reduceRight<Work>(
    (next, wrap) => (task, scope) => {
      // Middleware may call `next` later and from any asynchronous context.
      const inContext = thisContext();
      return wrap(callIn(task.args).args, () => inContext(() => enter(scope, async () => next(task, scope))));
    },
    work,
  );
}

export function isNodeClass(value: unknown): value is NodeClass {
  return typeof value === 'function' && value.prototype instanceof AbstractNode;
}
