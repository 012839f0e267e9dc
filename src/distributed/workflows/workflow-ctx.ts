/** A context that is handed over as one thing, as the text on distributed runs writes it; `startRun` takes its data as well. */
export class WorkflowCtx<State extends object> {
  constructor(readonly store: State) {}
}
