import { type Flow, FlowRuntime, GraphBuilder, withAction } from 'orchestrator/flow';
import { turns } from '../../src/distributed/testing/lateness.js';
import fc from '../properties.js';
import type { Execution, Step } from './model.js';
import type { WaitKind } from './model-loops.js';
import { type Case, scriptOf } from './random-graphs.js';

/** The duration of a step: none, a microtask, or a number of rounds of the event loop. */
export type Pace = 'at once' | 'a microtask' | number;
export const paces = fc.array(fc.constantFrom<Pace>('at once', 'a microtask', 1, 3), { minLength: 1, maxLength: 6 });

/**
 * The graph of a case as a flow, whose nodes do what the script says at the given pace.
 *
 * @param see - called with the input of each execution
 */
export function built(
  one: Case,
  pace: readonly Pace[],
  see: (execution: Execution, input: unknown) => void = () => {},
): { flow: Flow; log: Log; runtime: FlowRuntime } {
  const script = scriptOf(one);
  const log = new Log();
  let calls = 0;
  const node = (input: unknown, { nodeId, visit }: { nodeId: string; visit: number }) => {
    const execution = `${nodeId}#${visit}`;
    const end = log.begin(execution);
    see(execution, input);
    const takes = pace[calls++ % pace.length] ?? 'at once';
    const act = () => {
      end();
      return outcome(one, script(nodeId, visit), execution);
    };
    return takes === 'at once' ? act() : elapsed(takes).then(act);
  };
  const conditions = one.graph.edges.flatMap(({ condition }) => condition ?? []);
  const functions = conditions.map((name) => [`holds ${name}`, (output: Record<string, unknown>) => output[name]]);
  const registry = { node, ...Object.fromEntries(functions) };
  const flow = new GraphBuilder(registry).build({
    id: 'random',
    nodes: one.graph.nodes.map(({ id, waits, ...config }) => ({ id, ...usesOf(waits), config })),
    edges: one.graph.edges.map(({ condition, ...edge }, at) => ({
      ...edge,
      ...(condition && { condition: at % 2 === 0 ? `output.${condition}` : `holds ${condition}` }),
    })),
  });
  return { flow, log, runtime: new FlowRuntime({ registry }) };
}

/** The timeouts of waits and the lengths of sleeps, in milliseconds. */
export const hour = 3_600_000;
const year = 365 * 24 * hour;

function usesOf(waits: WaitKind | undefined): { uses: string; params?: Record<string, unknown> } {
  if (waits === undefined) return { uses: 'node' };
  if (waits === 'sleep') return { uses: 'sleep', params: { duration: hour } };
  if (waits === 'wait') return { uses: 'wait' };
  return { uses: 'wait', params: { timeout: waits === 'expiring' ? hour : year } };
}

/** The payload with which a wait ends. */
export function payloadOf(one: Case, nodeId: string, visit: number): unknown {
  return outcome(one, scriptOf(one)(nodeId, visit), `${nodeId}#${visit}`);
}

function outcome({ graph }: Case, { action, fails, holds, broken }: Step, by: Execution): unknown {
  if (fails) throw new Error('scripted');
  const conditions = graph.edges.flatMap(({ condition }) => condition ?? []);
  const truths = conditions.map((name, at) => [
    name,
    broken?.includes(name) ? noTruths[at % 3] : holds?.includes(name) === true,
  ]);
  const output = { by, ...Object.fromEntries(truths.filter(([, truth]) => truth !== undefined)) };
  return action === undefined ? output : withAction(action, output);
}

/** Values that are not valid results of conditions. */
const noTruths = [undefined, null, 'yes'];

async function elapsed(pace: Pace): Promise<void> {
  if (typeof pace === 'number') await turns(pace);
}

/** The starts and ends of executions, in order. */
export class Log {
  #events: { readonly what: 'starts' | 'ends'; readonly execution: Execution; readonly run: number }[] = [];
  #run = -1;
  #left = Infinity;
  #stop: () => unknown = () => {};

  starts(run?: number): Execution[] {
    const events = this.#events.filter(({ what }) => what === 'starts');
    return events.filter((event) => run === undefined || event.run === run).map(({ execution }) => execution);
  }

  /** The positions of the starts and ends of an execution. There are several if it was repeated. */
  when(execution: Execution): { readonly starts: readonly number[]; readonly ends: readonly number[] } {
    const at = (wanted: 'starts' | 'ends') =>
      this.#events.flatMap((event, index) => (event.what === wanted && event.execution === execution ? [index] : []));
    return { starts: at('starts'), ends: at('ends') };
  }

  /**
   * Starts a run. Runs are counted from 0. The run is stopped after the given number of executions. Executions that an
   * earlier run has left behind no longer count.
   */
  beginRun(stop: { readonly after: number; readonly lag: Pace } | undefined): AbortSignal {
    const controller = new AbortController();
    this.#run += 1;
    this.#left = stop?.after ?? Infinity;
    this.#stop = () =>
      stop?.lag === 'at once' ? controller.abort() : elapsed(stop?.lag ?? 0).then(() => controller.abort());
    return controller.signal;
  }

  begin(execution: Execution): () => void {
    const run = this.#run;
    this.#events.push({ what: 'starts', execution, run });
    return () => {
      if (run !== this.#run) return;
      this.#events.push({ what: 'ends', execution, run });
      this.#left -= 1;
      if (this.#left === 0) this.#stop();
    };
  }
}
