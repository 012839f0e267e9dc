import { FlowRuntime } from '../../dist/flow/index.js';
import { runCounters, runPromises } from './executors.mjs';

// Each function here takes what a node does and gives one that runs a graph with it and resolves to the outputs by id,
// beside what the context held. What a package needs to know of a graph it is told in the call, so that it counts.

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
