import { FlowRuntime } from '../../dist/flow/index.js';
import { runCounters, runPromises } from './executors.mjs';

// Each function takes the work of a node and returns a function that runs a graph with it and resolves to the outputs
// by id, together with the context. Preparing a graph for a package happens inside the call, so that it is measured as
// well.

export const withFlow = (work) => {
  const runtime = new FlowRuntime({ registry: { work } });
  return async (graph, initial) => {
    const { status, context } = await runtime.run(graph, initial);
    if (status !== 'completed') throw new Error(`expected the flow to complete, got ${status}`);
    return context;
  };
};

export const withPromises = (work) => (graph, context) => runPromises(graph, { work }, context);

export const withCounters = (work) => (graph, context) => runCounters(graph, { work }, context);
