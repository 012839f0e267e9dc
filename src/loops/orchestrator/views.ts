import type { WorkflowHealth, WorkflowMetrics } from './contracts.js';
import type { DeadLetters } from './dead-letters.js';
import type { Exchange } from './exchange.js';
import type { Supervisor } from './supervisor.js';

/** Collects the figures of a workflow. */
export function metricsOf(loops: readonly Supervisor[], exchange: Exchange, deadLetters: DeadLetters): WorkflowMetrics {
  return {
    loops: loops.map((supervisor) => supervisor.metrics()),
    queues: exchange.metrics(),
    deadLetters: deadLetters.size,
    deadLettersDropped: deadLetters.dropped,
  };
}

/** Derives the health of a workflow from the states of its loops, nodes and store. */
export function healthOf(supervisors: readonly Supervisor[], { failure }: Exchange): WorkflowHealth {
  const loops = supervisors.map((supervisor) => {
    const { state, nodes, error } = supervisor.metrics();
    const failing = nodes.filter((node) => node.state !== 'healthy').map(({ nodeId }) => nodeId);
    return { loopId: supervisor.id, state, failing, error };
  });
  const hasError = loops.some(({ state }) => state === 'error');
  const store = failure?.message;
  const isFailing =
    store !== undefined || loops.some(({ state, failing }) => state === 'restarting' || failing.length > 0);
  return { status: hasError ? 'error' : isFailing ? 'failing' : 'healthy', store, loops };
}
