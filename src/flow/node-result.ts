/** What a node has come to: its output, and the action that chooses among its edges. */
export interface NodeResult<Output = unknown> {
  readonly output: Output;
  readonly action?: string | undefined;
}

/** An output with an action; made by `withAction`. */
export class ActionResult<Output = unknown, Action extends string = string> implements NodeResult<Output> {
  constructor(
    readonly action: Action,
    readonly output: Output,
  ) {}
}

/**
 * What a node returns to choose among its edges.
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
