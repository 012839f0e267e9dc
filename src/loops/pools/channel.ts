import { spawn } from 'node:child_process';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { inheritedBy } from './exec-argv.js';
import { pipe, program, startedAs } from './program.js';
import type { Down, Up } from './protocol.js';

/** A message channel to a thread or process. */
export interface Channel {
  /**
   * Sends a message.
   *
   * @throws {DataCloneError} for a message that cannot be cloned
   */
  post(message: Down): void;
  terminate(): Promise<void>;
}

export interface ChannelEvents {
  onMessage(message: Up): void;
  /** Called when the thread or process ended unexpectedly. `how` describes the exit. */
  onExit(how: string, cause?: unknown): void;
}

export function openThread(loopId: string, resourceLimits: ResourceLimits | undefined, events: ChannelEvents): Channel {
  const limits = resourceLimits === undefined ? {} : { resourceLimits };
  const worker = new Worker(program, { eval: true, name: loopId, ...limits });
  let cause: unknown;
  let isTerminated = false;
  worker.on('message', (message: Up) => events.onMessage(message));
  // A message from the loop is lost, so the state of the loop is no longer known.
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

/**
 * Returns true if `process.execPath` is this program instead of Node, as in a single executable application. A child
 * process started from that path would be this program again.
 */
export function isInPlaceOfNode(): boolean {
  return process.env[startedAs] !== undefined;
}

export function openProcess(events: ChannelEvents): Channel {
  const child = spawn(process.execPath, evaluating(program), {
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
    // A process that could not be started emits no `exit`.
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

/**
 * Returns the arguments by which this runtime executes a program. Deno offers `--eval` of Node, too, but a program
 * given there cannot import modules.
 */
function evaluating(text: string): string[] {
  return 'deno' in process.versions ? ['eval', text] : [...inheritedBy(process.execArgv), '--eval', text];
}

/**
 * Prepares this end of the pipe by which a child process notices that its parent is gone. The pipe must not keep this
 * program alive.
 */
function watched(end: unknown): void {
  const socket = end as { unref?(): void; on(event: 'error', listener: () => void): void } | null | undefined;
  socket?.on('error', () => undefined);
  socket?.unref?.();
}
