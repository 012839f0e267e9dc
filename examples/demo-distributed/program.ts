/**
 * The program of the embedded engine: an orchestrator and three workers in one process. It kills itself after the given
 * number of executed nodes: in the middle of a node, after its request and before its commit.
 */
import { pglite } from 'orchestrator/distributed';
import { carryOut, createOrchestrator, jobsIn, runIdsOf, startWorker } from './fleet.js';
import { tell } from './messages.js';

const [directory = '', url = '', orders = '0', nodesToLive = '0'] = process.argv.slice(2);

let executed = 0;
const onNode = () => {
  executed++;
  if (executed === Number(nodesToLive)) process.kill(process.pid, 'SIGKILL');
};

const engine = pglite(directory);
const ids = ['worker 1', 'worker 2', 'worker 3'];
const workers = await Promise.all(ids.map((id) => startWorker(engine, id, url, onNode)));
const orchestrator = createOrchestrator(engine);
const outcome = await carryOut(orchestrator, runIdsOf('order', Number(orders)), (status) => {
  void tell({ type: 'status', status });
});
await Promise.all(workers.map((worker) => worker.stop()));
await tell({ type: 'outcome', outcome, left: await jobsIn(engine) });
await orchestrator.close();
await engine.close();
if (process.connected) process.disconnect();
