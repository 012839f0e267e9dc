/**
 * The result of a node: its output, and the action that it chose. The action selects the edges to follow. If the node
 * chose no action, the edges without an action are followed.
 */
export interface NodeResult<Output = unknown> {
  /** The value that the node passes on. */
  readonly output: Output;
  /** The chosen action. Default: none. */
  readonly action?: string | undefined;
}

/**
 * An output together with the action that the node chose. A node returns an instance to choose among its edges. Use
 * `withAction` to create instances; the class itself is needed only for types.
 */
export class ActionResult<Output = unknown, Action extends string = string> implements NodeResult<Output> {
  constructor(
    readonly action: Action,
    readonly output: Output,
  ) {}
}

/**
 * Combines an output with an action. A node that returns this combination chooses the edges that have the action.
 *
 * @param action - the action: the edges that have this action are followed
 * @param output - the output of the node
 *
 * @example
 * .node('check', (order) => withAction(order.total > 100 ? 'review' : 'ok', order))
 */
export function withAction<Output, Action extends string = string>(
  action: Action,
  output: Output,
): ActionResult<Output, Action> {
  return new ActionResult(action, output);
}
