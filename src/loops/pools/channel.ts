import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import type { Down, Up } from './protocol.js';

/** The way to a thread or a process. */
export interface Channel {
  /** @throws {DataCloneError} for what cannot be cloned */
  post(message: Down): void;
  terminate(): Promise<void>;
}

export interface ChannelEvents {
  onMessage(message: Up): void;
  /** It has ended by itself. */
  onExit(how: string, cause?: unknown): void;
}

/** The program that runs in a thread or a process: beside this module, and in the package under the same name. */
const ownUrl = import.meta.url ?? 'file:///bundled.js';
const isSource = ownUrl.endsWith('.ts');
const program = isSource
  ? new URL('./program.ts', ownUrl)
  : new URL(ownUrl.replace(/\/dist\/(?!.*\/dist\/).*$/, '/dist/loops/pools/program.js'));

/** A thread that is begun with TypeScript: Node 20 has no other way. */
const fromSource = `import('tsx/esm/api').then(({ register }) => {
  register();
  return import(${JSON.stringify(program.href)});
});`;

export function openThread(loopId: string, resourceLimits: ResourceLimits | undefined, events: ChannelEvents): Channel {
  const options = { name: loopId, ...(resourceLimits === undefined ? {} : { resourceLimits }) };
  const worker = isSource ? new Worker(fromSource, { ...options, eval: true }) : new Worker(program, options);
  let cause: unknown;
  let isTerminated = false;
  worker.on('message', (message: Up) => events.onMessage(message));
  worker.on('error', (error) => {
    cause = error;
  });
  worker.on('exit', (code) => {
    if (!isTerminated) events.onExit(`its thread has ended with code ${code}`, cause);
  });
  return {
    post: (message) => worker.postMessage(message),
    terminate: async () => {
      isTerminated = true;
      await worker.terminate();
    },
  };
}

export function openProcess(events: ChannelEvents): Channel {
  const child = fork(fileURLToPath(program), [], {
    serialization: 'advanced',
    execArgv: isSource ? [...process.execArgv, '--import', 'tsx'] : process.execArgv,
  });
  let cause: unknown;
  let isTerminated = false;
  const gone = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve();
      if (isTerminated) return;
      events.onExit(`its process has ended with ${signal === null ? `code ${code}` : signal}`, cause);
    });
  });
  child.on('message', (message: Up) => events.onMessage(message));
  child.on('error', (error) => {
    cause = error;
    // One that could not be started has no exit.
    if (child.pid === undefined && !isTerminated) events.onExit('its process could not be started', error);
  });
  return {
    post: (message) => {
      if (child.connected) child.send(message, () => undefined);
    },
    terminate: async () => {
      isTerminated = true;
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      child.kill('SIGKILL');
      await gone;
    },
  };
}
