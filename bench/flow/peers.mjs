import { setMaxListeners } from 'node:events';
import { Annotation, END, START, StateGraph } from '@langchain/langgraph';
import { createFlow, FlowRuntime } from 'flowcraft';
import { PGraph } from 'p-graph';
import { inputOf } from './executors.mjs';

// As in contenders.mjs: what a package needs to know of a graph it is told in the call, so that it counts.

/** LangGraph lets every node listen to one signal, which Node would warn of. */
setMaxListeners(0);

/** Where a node follows several others, flowcraft gives it the output of one of them. No limit on concurrency. */
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

/** p-graph only says when: inputs and outputs are handed on here. */
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

/** LangGraph shares one state: the outputs by id, which are added to in place, for a copy at each node costs a square. */
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
