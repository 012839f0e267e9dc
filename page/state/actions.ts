import { type RunSummary, type SignalAnswer, segmentOf } from '../../src/dashboard/api/index.js';
import { counted } from '../format.js';

import { openDialog } from './dialogs.js';
import { post, RequestError } from './request.js';
import { token } from './session.js';
import { say } from './toasts.js';

interface Act {
  /** Path in the API. */
  readonly path: string;
  readonly body?: object;
  /** Message after success. If `undefined`, no message is shown. */
  readonly done: string | ((answer: unknown) => string) | undefined;
  /** Called after success. */
  readonly next?: (() => void) | undefined;
  readonly after?: (() => void) | undefined;
}

/** Sends a change. Without a token, asks for the token first and continues when the user has entered it. */
async function act(action: Act): Promise<void> {
  const { path, body = {}, done, next, after } = action;
  if (token.value === undefined) return openDialog({ kind: 'unlock', after: () => void act(action) });
  try {
    const answer = await post<unknown>(path, body);
    if (done !== undefined) say(typeof done === 'string' ? done : done(answer));
    next?.();
  } catch (error) {
    if (error instanceof RequestError && error.code === 'unauthorized') {
      return openDialog({ kind: 'unlock', isRefused: true, after: () => void act(action) });
    }
    say(error instanceof Error ? error.message : String(error), { isError: true });
  }
  after?.();
}

type Run = Pick<RunSummary, 'runId' | 'status'>;
type Command = 'pause' | 'resume' | 'retry' | 'cancel';

/** Commands that are possible for a run with the given status. */
export function commandsFor(status: RunSummary['status']): readonly Command[] {
  switch (status) {
    case 'scheduled':
    case 'running':
    case 'awaiting':
      return ['pause', 'cancel'];
    case 'paused':
      return ['resume', 'cancel'];
    case 'failed':
    case 'cancelled':
    case 'stalled':
      return ['retry'];
    default:
      return [];
  }
}

export const commandNames = {
  pause: { label: 'Pause', icon: 'pause', done: 'The run is paused' },
  resume: { label: 'Resume', icon: 'play', done: 'The run is resumed' },
  retry: { label: 'Retry', icon: 'again', done: 'The run is retried' },
  cancel: { label: 'Cancel…', icon: 'slash', done: 'The run is cancelled' },
} as const;

export function command(name: Command, { runId }: Run, after?: () => void): void {
  if (name === 'cancel') openDialog({ kind: 'cancel', runId, after });
  else void act({ path: `${runPath(runId)}/${name}`, done: commandNames[name].done, after });
}

export function cancelRun(runId: string, reason: string, after?: () => void): void {
  const body = reason === '' ? {} : { reason };
  void act({ path: `${runPath(runId)}/cancel`, body, done: commandNames.cancel.done, after });
}

/** Ids of signals that may not have arrived. Sending the same signal again reuses its id, so that it counts once. */
const unsent = new Map<string, string>();

export function sendSignal(
  runId: string,
  event: string,
  payload: { readonly value?: unknown },
  after?: () => void,
): void {
  const signal = 'value' in payload ? { event, payload: payload.value } : { event };
  const key = JSON.stringify([runId, signal]);
  const id = unsent.get(key) ?? newId();
  unsent.set(key, id);
  const body = { ...signal, id };
  const next = () => void unsent.delete(key);
  void act({ path: `${runPath(runId)}/signal`, body, done: answerText, next, after });
}

/** Text for each answer to a signal. */
const answers: Readonly<Record<SignalAnswer['outcome'], string>> = {
  delivered: 'The signal is delivered',
  kept: 'The signal is kept until a node waits for it',
  duplicate: 'The signal was sent before',
  'too-late': 'The signal comes too late: nothing waits for it any more',
  dropped: 'The signal is dropped: too many of them are kept already',
};

function answerText(answer: unknown): string {
  return answers[(answer as SignalAnswer).outcome];
}

/** Creates a random id. `crypto.randomUUID` exists only in secure contexts. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-');
}

export function runPath(runId: string): string {
  return `runs/${segmentOf(runId)}`;
}

/** Forgets workers one after another, and stops at the first failure. */
export function forgetWorkers(workerIds: readonly string[], after?: () => void): void {
  const forget = ([workerId, ...rest]: readonly string[]): void => {
    if (workerId === undefined) return;
    const path = `workers/${segmentOf(workerId)}/forget`;
    const done = rest.length === 0 ? `${counted(workerIds.length, 'worker')} forgotten` : undefined;
    void act({ path, done, next: () => forget(rest), after });
  };
  openDialog({
    kind: 'confirm',
    title: `Forget ${counted(workerIds.length, 'silent worker')}?`,
    text: 'They are removed from the list. A worker that comes back is listed again.',
    label: 'Forget',
    confirm: () => forget(workerIds),
  });
}

type LoopCommand = 'start' | 'stop' | 'pause' | 'resume';

const loopDone: Readonly<Record<LoopCommand, string>> = {
  start: 'The loop is started',
  stop: 'The loop is stopped',
  pause: 'The loop is paused',
  resume: 'The loop is resumed',
};

export function commandLoop(name: LoopCommand, loopId: string, after?: () => void): void {
  const path = `loops/${segmentOf(loopId)}/${name}`;
  const change = () => void act({ path, done: loopDone[name], after });
  if (name !== 'stop') change();
  else
    openDialog({
      kind: 'confirm',
      title: 'Stop this loop?',
      text: 'Running work may finish. After that, the loop does nothing until it is started again.',
      subject: loopId,
      label: 'Stop loop',
      confirm: change,
    });
}

export function replay(id: number | undefined, total: number, after?: () => void): void {
  const done = (answer: unknown) => {
    const { replayed = 0 } = (answer ?? {}) as { replayed?: number };
    return `${counted(replayed, 'dead letter')} replayed`;
  };
  const change = () => void act({ path: 'dead-letters/replay', body: id === undefined ? {} : { id }, done, after });
  if (id !== undefined) change();
  else
    openDialog({
      kind: 'confirm',
      title: `Replay ${counted(total, 'dead letter')}?`,
      text: 'Each returns to the queue or node that it came from and is processed again.',
      label: 'Replay all',
      confirm: change,
    });
}
