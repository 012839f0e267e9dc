/** A worker in a separate process, like the many workers of a real fleet. It stops when the demo tells it to. */
import { once } from 'node:events';
import { startWorker } from './fleet.js';
import { serverEngine } from './on-server.js';

const [id = '', url = ''] = process.argv.slice(2);
const engine = serverEngine();
const worker = await startWorker(engine, id, url);
process.send?.('ready');
await Promise.race([once(process, 'SIGTERM'), once(process, 'disconnect')]);
await worker.stop({ deadline: 5_000 });
await engine.close();
if (process.connected) process.disconnect();
