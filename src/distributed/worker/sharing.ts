import { performance as ofNode } from 'node:perf_hooks';
import type { Plan } from '../../flow/plan/index.js';

/** Milliseconds that the nodes of one job may take together, and the maximum number of nodes in a job. */
const longest = 5;
const most = 16;

/**
 * Part of a new duration in an estimate, if it is shorter or longer. An estimate follows short durations, because on a
 * busy machine a short node often takes longer.
 */
const weights = { shorter: 1 / 2, longer: 1 / 8 };

/** The estimated duration of each node in this program, in milliseconds. Negative if unknown. */
const durations = new WeakMap<Plan, Float64Array>();

/** A moment at which an execution began, by the clocks of the program. */
export interface Beginning {
  readonly at: number;
  /** Milliseconds that the event loop has waited so far. */
  readonly idle: number;
  /** Number of executions that had ended. */
  readonly ended: number;
}

/**
 * The number of nodes that become ready together and may share a job. A job costs more than a short node does, but nodes
 * that share a job are executed by one worker. Nodes share a job if this program has executed each of them before, and
 * they were short.
 *
 * On a busy worker, most of the time between the begin and the end of a node belongs to other nodes. What a node takes is
 * therefore estimated: the time for which the event loop was waiting in between, and an equal part of its work for each
 * node that has ended in between.
 */
export class Sharing {
  #ended = 0;

  /** @param forced - the number of nodes in a job, whatever they take. `'auto'`: by what they took so far */
  constructor(private readonly forced: number | 'auto') {}

  /** If true, each node that becomes ready beside others gets a job of its own. */
  get isOff(): boolean {
    return this.forced === 1;
  }

  begin(): Beginning {
    const idle = this.forced === 'auto' ? idleTime() : 0;
    return { at: performance.now(), idle, ended: this.#ended };
  }

  /** Records that an execution has ended. */
  end(plan: Plan, node: number, { at, idle, ended }: Beginning): void {
    if (this.forced !== 'auto') return;
    this.#ended++;
    const waited = idleTime() - idle;
    const worked = Math.max(0, performance.now() - at - waited);
    this.record(plan, node, waited + worked / (this.#ended - ended));
  }

  /** Records the duration of a node in milliseconds. */
  record(plan: Plan, node: number, ms: number): void {
    let estimates = durations.get(plan);
    if (estimates === undefined) {
      estimates = new Float64Array(plan.nodeCount).fill(-1);
      durations.set(plan, estimates);
    }
    const known = estimates[node] as number;
    const weight = ms < known ? weights.shorter : weights.longer;
    estimates[node] = known < 0 ? ms : known + (ms - known) * weight;
  }

  /** Returns how many of the nodes behind a node may share a job. */
  after(plan: Plan, node: number): number {
    if (this.forced !== 'auto') return this.forced;
    const estimates = durations.get(plan);
    if (estimates === undefined) return 1;
    let slowest = 0;
    for (let arc = plan.outFrom[node] as number; arc < (plan.outFrom[node + 1] as number); arc++) {
      const estimate = estimates[plan.arcTarget[arc] as number] as number;
      if (estimate < 0) return 1;
      slowest = Math.max(slowest, estimate);
    }
    return Math.max(1, Math.min(most, Math.floor(longest / slowest)));
  }
}

/** Milliseconds for which the event loop has waited. Always 0 on a runtime that does not count them. */
function idleTime(): number {
  return ofNode.nodeTiming?.idleTime ?? 0;
}
