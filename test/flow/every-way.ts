import { Orchestrator } from 'orchestrator';
import { DistributedWorker, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import {
  type Flow,
  FlowRuntime,
  MemoryCheckpointStore,
  type NodeError,
  ResumptionOrchestrator,
  StepByStepOrchestrator,
  type WorkflowResult,
} from 'orchestrator/flow';
import { expect } from 'vitest';

/*
 * One flow, run in each way that there is: in process, saved, step by step, and on a fleet. What a user can see of a run
 * has to be the same.
 */

export interface Trial {
  /** Makes the flow anew: runs share nothing. */
  readonly build: () => Flow;
  readonly context?: object;
  readonly input?: unknown;
  /** What comes for the nodes that wait, one after the other, each when the run waits. */
  readonly events?: readonly (readonly [event: string, payload: unknown])[];
  /** Whether nodes are tried again: on a fleet each attempt is a task, in process all of them are one. */
  readonly retries?: boolean;
}

/** Runs a flow in each way, and gives what came of it in process. */
export async function everyWay(trial: Trial): Promise<WorkflowResult> {
  const here = new Seen(trial);
  const result = await inProcess(trial, here);
  const expected = here.picture(result);
  const saved = new Seen(trial);
  expect({ way: 'saved', ...saved.picture(await inCheckpoints(trial, saved)) }).toEqual({ way: 'saved', ...expected });
  const stepped = new Seen(trial);
  expect({ way: 'steps', ...stepped.picture(await inSteps(trial, stepped)) }).toEqual({ way: 'steps', ...expected });
  const remote = new Seen(trial);
  expect({ way: 'fleet', ...remote.picture(await onFleet(trial, remote, result.status)) }).toEqual({
    way: 'fleet',
    ...expected,
  });
  return result;
}

/** What hooks have seen, and what a result says. */
class Seen {
  readonly orchestrator = new Orchestrator({ name: 'flow' });
  readonly #tasks: string[] = [];

  constructor(private readonly trial: Trial) {
    this.orchestrator
      .onTaskBegin(({ name }) => void this.#tasks.push(`${name} begins`))
      .onTaskCompletion(({ name, status, error }) => void this.#tasks.push(`${name} ${status} ${textOf(error)}`));
  }

  runtimeOf(flow: Flow): FlowRuntime {
    return new FlowRuntime({ registry: flow.registry, orchestrator: this.orchestrator });
  }

  picture({ status, output, action, context, errors, ...rest }: WorkflowResult) {
    return {
      status,
      output,
      action,
      context: Object.fromEntries(Object.entries(context)),
      keys: Object.keys(context).toSorted(),
      errors: errors.map(errorOf).toSorted(),
      completed: [...rest.completed].toSorted(),
      skipped: [...rest.skipped].toSorted(),
      awaiting: rest.awaiting.map(({ nodeId, event }) => `${nodeId} waits for ${event}`).toSorted(),
      unreached: rest.unreached.map(({ nodeId, reason, isReady }) => `${nodeId}: ${reason} ${isReady}`).toSorted(),
      cutShort: [...rest.cutShort],
      tasks: this.trial.retries === true ? [] : this.#tasks.toSorted(),
    };
  }
}

function errorOf({ nodeId, attempts, message, cause, recoveredBy }: NodeError): string {
  return [nodeId, attempts, message, textOf(cause), recoveredBy].join(' | ');
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

async function inProcess({ build, context = {}, input, events = [] }: Trial, seen: Seen): Promise<WorkflowResult> {
  const flow = build();
  const runtime = seen.runtimeOf(flow);
  let result = await runtime.run(flow, context, { input });
  for (const [event, payload] of events) result = await runtime.resume(flow, result, { events: { [event]: payload } });
  return result;
}

async function inCheckpoints({ build, context = {}, input, events = [] }: Trial, seen: Seen): Promise<WorkflowResult> {
  const flow = build();
  const runtime = seen.runtimeOf(flow);
  const checkpoint = new MemoryCheckpointStore();
  let result = await runtime.run(flow, context, { input, checkpoint, runId: 'run' });
  for (const [event, payload] of events) {
    result = await runtime.resume(flow, 'run', { checkpoint, events: { [event]: payload } });
  }
  return result;
}

async function inSteps({ build, context = {}, input, events = [] }: Trial, seen: Seen): Promise<WorkflowResult> {
  const flow = build();
  const { traverser, executorFactory, state, services } = seen.runtimeOf(flow).prepare(flow, context, { input });
  const stepper = new StepByStepOrchestrator();
  const step = () => stepper.run(traverser, executorFactory, state, services);
  let result = await step();
  while (traverser.hasMoreWork()) result = await step();
  for (const [event, payload] of events) {
    state.events = { [event]: payload };
    result = await new ResumptionOrchestrator(stepper).run(traverser, executorFactory, state, services);
    while (traverser.hasMoreWork()) result = await step();
  }
  return result;
}

/** @param end - how the run stands in the end */
async function onFleet({ build, context = {}, input, events = [] }: Trial, seen: Seen, end: string) {
  const flow = build();
  const engine = memory();
  const runtime = seen.runtimeOf(flow);
  const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).runtime(runtime).build();
  const worker = new DistributedWorker({ engine, workflows: [flow], runtime });
  await worker.start();
  try {
    const runId = await orchestrator.startRun(context, input);
    const until = (status: string) => expect.poll(() => orchestrator.status(runId), { interval: 2 }).toBe(status);
    for (const [event, payload] of events) {
      await until('awaiting');
      await orchestrator.signal(runId, event, payload);
    }
    await until(end);
    const result = await orchestrator.result(runId);
    // All that says how a run stands says the same.
    const info = await orchestrator.run(runId);
    expect({ status: info.status, output: info.output }).toEqual({
      status: result.status,
      output: result.status === 'completed' ? result.output : undefined,
    });
    expect(await orchestrator.context(runId)).toEqual(result.context);
    return result;
  } finally {
    await worker.stop();
    await orchestrator.close();
  }
}
