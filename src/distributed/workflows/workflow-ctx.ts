/**
 * Wraps the initial context of a run. `startRun` takes either the data itself or a `WorkflowCtx`; both start the run
 * with the same context.
 *
 * @param store - the data that the nodes of the run share, as a plain object
 * @example
 * await orchestrator.startRun(new WorkflowCtx({ customer: 'c-42' }), { cents: 999 });
 */
export class WorkflowCtx<State extends object> {
  constructor(readonly store: State) {}
}
