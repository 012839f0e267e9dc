import { setMaxListeners } from 'node:events';
import { Annotation, END, START, StateGraph } from '@langchain/langgraph';
import { createFlow, FlowRuntime } from 'flowcraft';
import { PGraph } from 'p-graph';
import { inputOf } from './executors.mjs';

// Contenders as in contenders.mjs: preparing a graph for a package happens inside the call, so that it is measured as
// well.

/** LangGraph adds listeners of every node to one signal, for which Node would print a warning. */
setMaxListeners(0);

/** For a node with several predecessors, flowcraft passes the output of only one of them. No limit on concurrency. */
export const withFlowcraft = (work) => {
  const runtime = new FlowRuntime();
  const node = async ({ input }) => ({ output: await work(input) });
  return async ({ id, nodes, edges }, initial) => {
    const flow = createFlow(id);
    for (const { id, inputs } of nodes) flow.node(id, node, inputs === undefined ? {} : { inputs });
    for (const { source, target } of edges) flow.edge(source, target);
    const { status, context } = await flow.run(runtime, { ...initial }, { concurrency: nodes.length });
    if (status !== 'completed') throw new Error(`expected flowcraft to complete, got ${status}`);
    return context;
  };
};

/** p-graph only schedules; inputs and outputs are passed on here. */
export const withPGraph = (work) => async (graph, context) => {
  const outputs = { ...context };
  const sources = sourcesOf(graph);
  const nodes = new Map(
    graph.nodes.map((node) => {
      const run = async () => {
        outputs[node.id] = await work(inputOf(node, sources.get(node.id), outputs));
      };
      return [node.id, { run }];
    }),
  );
  const dependencies = graph.edges.map(({ source, target }) => [source, target]);
  await new PGraph(nodes, dependencies).run();
  return outputs;
};

/**
 * LangGraph shares one state, here the outputs by id. They are added in place, because a copy per node has quadratic
 * cost.
 */
export const withLangGraph = (work) => async (graph, context) => {
  const merged = Annotation({ reducer: (outputs, more) => Object.assign(outputs, more), default: () => ({}) });
  const builder = new StateGraph(Annotation.Root({ outputs: merged }));
  const sources = sourcesOf(graph);
  for (const node of graph.nodes) {
    builder.addNode(node.id, async ({ outputs }) => {
      return { outputs: { [node.id]: await work(inputOf(node, sources.get(node.id), outputs)) } };
    });
  }
  for (const [id, from] of sources) {
    if (from.length === 0) builder.addEdge(START, id);
    else builder.addEdge(from.length === 1 ? from[0] : from, id);
  }
  builder.addEdge(graph.nodes.at(-1).id, END);
  const compiled = builder.compile();
  const { outputs } = await compiled.invoke({ outputs: { ...context } }, { recursionLimit: graph.nodes.length + 1 });
  return outputs;
};

function sourcesOf({ nodes, edges }) {
  const sources = new Map(nodes.map(({ id }) => [id, []]));
  for (const { source, target } of edges) sources.get(target).push(source);
  return sources;
}
