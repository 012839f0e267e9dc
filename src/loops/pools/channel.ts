import { spawn } from 'node:child_process';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { inheritedBy } from './exec-argv.js';
import { pipe, program, startedAs } from './program.js';
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

export function openThread(loopId: string, resourceLimits: ResourceLimits | undefined, events: ChannelEvents): Channel {
  const limits = resourceLimits === undefined ? {} : { resourceLimits };
  const worker = new Worker(program, { eval: true, name: loopId, ...limits });
  let cause: unknown;
  let isTerminated = false;
  worker.on('message', (message: Up) => events.onMessage(message));
  // What it said is lost: the loop cannot be trusted any more.
  worker.on('messageerror', (error) => {
    cause ??= error;
    void worker.terminate();
  });
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

/** If true, this program was started in place of Node: it is an executable of its own, and would start itself again. */
export function isInPlaceOfNode(): boolean {
  return process.env[startedAs] !== undefined;
}

export function openProcess(events: ChannelEvents): Channel {
  const child = spawn(process.execPath, [...inheritedBy(process.execArgv), '--eval', program], {
    env: { ...process.env, [startedAs]: '1' },
    serialization: 'advanced',
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', 'pipe'],
    windowsHide: true,
  });
  watched(child.stdio[pipe]);
  let cause: unknown;
  let isTerminated = false;
  const gone = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve();
      if (isTerminated) return;
      events.onExit(`its process has ended with ${signal === null ? `code ${code}` : signal}`, cause);
    });
  });
  child.on('message', (message) => events.onMessage(message as Up));
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

/** The end of the pipe that tells a child whether this program lives: it keeps nothing alive here. */
function watched(end: unknown): void {
  const socket = end as { unref?(): void; on(event: 'error', listener: () => void): void } | null | undefined;
  socket?.on('error', () => undefined);
  socket?.unref?.();
}
