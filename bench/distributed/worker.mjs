import { shared } from './engines.mjs';
import { localWorker } from './fleet.mjs';

// A worker process. Executes the commands of its parent process, and ends together with it.

process.once('disconnect', () => process.exit());
const worker = localWorker(shared[process.argv[2]]());
process.on('message', async ({ id, name, options }) => {
  try {
    process.send({ id, result: await worker[name](options) });
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) });
  }
});
process.send({ ready: true });
