import { withFlow, withPromises } from './contenders.mjs';
import { chain, fan, layers } from './graphs.mjs';
import { work } from './work.mjs';

// Runs one graph and sends the peak memory of the process in MB. The same modules are loaded for every contender.

const [contender, shape, size] = process.argv.slice(2);
const contenders = { promises: withPromises, flow: withFlow };
const graph = { chain, fan, layers }[shape](Number(size));

const outputs = await contenders[contender](work)(graph, {});
if (outputs[graph.nodes.at(-1).id] === undefined) throw new Error(`${contender} did not reach the sink`);
process.send((process.resourceUsage().maxRSS * 1024) / 1e6);
process.disconnect();
