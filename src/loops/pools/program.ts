/** What runs in a thread or a process: the host of one loop, which is told by its orchestrator what to do. */
import { parentPort } from 'node:worker_threads';
import { toWire } from '../wire.js';
import type { Up } from './protocol.js';
import { RemoteHost } from './remote-host.js';

const post = (message: Up) => (parentPort === null ? void process.send?.(message) : parentPort.postMessage(message));
const host = new RemoteHost(post);

process.on('uncaughtExceptionMonitor', (error) => post({ type: 'crashing', error: toWire(error, 'loop') }));

if (parentPort === null) {
  process.on('message', (message) => host.onMessage(message as never));
  // A terminal, or a service manager, tells all processes of a program to end: who ends this one is its orchestrator.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  // Nobody is there any more who could be told.
  process.on('disconnect', () => process.exit(1));
} else parentPort.on('message', (message) => host.onMessage(message));
