import { failureOf } from '../../kernel/errors.js';
import type { Carrier } from '../../kernel/hooks/instrumentation.js';
import { Deque } from '../../shared/deque.js';
import type { Overflow } from '../definition.js';
import { NotFoundError } from '../errors.js';
import type { Inlet, LoopEvent, LoopHost } from '../host.js';
import { LoopManager } from '../manager/loop-manager.js';
import type { Message } from '../node.js';
import type { LoopPlan } from '../plan.js';
import { fromWire, toWire, type WireError } from '../wire.js';
import { assertCloneable } from './cloneable.js';
import { shapeOfPlan } from './pool.js';
import { batch, type Deed, type Down, eventToWire, type Up, window } from './protocol.js';

/** Milliseconds between reports of the loop's figures. */
const reportInterval = 200;

/** A push that waits for its result, or for room in the window. */
interface Push {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface RemoteHostOptions {
  /**
   * Sends a message to the orchestrator.
   *
   * @throws {DataCloneError} for a message that cannot be cloned
   */
  post(message: Up): void;
}

/**
 * The host of a loop inside its thread or process. Collects the effects of the loop and sends them to the orchestrator
 * in order.
 */
export class RemoteHost implements LoopHost {
  cursor: unknown = undefined;
  readonly #inbox = new RemoteInlet((deed) => this.#did(deed));
  #manager: LoopManager | undefined = undefined;
  #overflows: Readonly<Record<string, Overflow>> = {};
  #deeds: Deed[] = [];
  #isScheduled = false;
  /** Number of pushes that the orchestrator has not confirmed. */
  #underWay = 0;
  /** Pushes in order, with undefined for a push that nobody waits for. */
  readonly #pushes = new Deque<Push | undefined>();
  /** Pushes that wait until fewer pushes are unconfirmed. */
  #onRoom: Push[] = [];
  readonly #loopId: string;

  /** Reports the shape of the loop, before any node runs. */
  constructor(
    private readonly plan: LoopPlan,
    private readonly options: RemoteHostOptions,
  ) {
    this.#loopId = plan.id;
    this.#post({ type: 'prepared', shape: shapeOfPlan(plan) });
  }

  onMessage(message: Down): void {
    void this.#obey(message).catch((error) => {
      this.#flush();
      this.#post({ type: 'failed', error: toWire(error, this.#loopId) });
    });
  }

  inlet(): Inlet {
    return this.#inbox;
  }

  push(queue: string, value: unknown, carrier?: Carrier): void | Promise<void> {
    if (!Object.hasOwn(this.#overflows, queue)) throw new NotFoundError('queue', queue, Object.keys(this.#overflows));
    assertCloneable(value, `queue "${queue}"`);
    this.#did(carrier === undefined ? ['push', queue, value] : ['push', queue, value, carrier]);
    this.#underWay++;
    if (this.#overflows[queue] === 'fail') {
      return new Promise((resolve, reject) => this.#pushes.push({ resolve, reject }));
    }
    this.#pushes.push(undefined);
    if (this.#underWay < window) return undefined;
    return new Promise((resolve, reject) => this.#onRoom.push({ resolve, reject }));
  }

  saveCursor(value: unknown): void {
    this.cursor = value;
    this.#did(['cursor', value]);
  }

  report(event: LoopEvent): void {
    this.#did(['event', eventToWire(event, this.#loopId)]);
  }

  #post(message: Up): void {
    this.options.post(message);
  }

  async #obey(message: Down): Promise<void> {
    switch (message.type) {
      case 'start':
        this.cursor = message.cursor;
        this.#overflows = message.overflows;
        return this.#start(message.paused);
      case 'messages':
        return this.#inbox.add(message.messages);
      case 'drained':
        return this.#inbox.end();
      case 'pushed':
        return this.#pushed(message.count, message.refused);
      case 'pause':
        await this.#manager?.pause();
        this.#flush();
        if (this.#manager !== undefined) this.#report(this.#manager);
        return this.#post({ type: 'paused', id: message.id });
      case 'resume':
        return this.#manager?.resume();
      case 'stop':
        return this.#manager?.stop({ drain: message.drain });
      case 'abort':
        return this.#abort(fromWire(message.reason));
      case 'replay':
        return this.#replay(message.nodeId, message.value);
    }
  }

  async #start(paused: boolean): Promise<void> {
    const manager = new LoopManager(this.plan, this);
    this.#manager = manager;
    const { ended } = await manager.start({ paused });
    this.#flush();
    this.#report(manager);
    this.#post({ type: 'started' });
    const timer = setInterval(() => this.#report(manager), reportInterval);
    const { reason, error } = await ended;
    clearInterval(timer);
    this.#flush();
    const wire = error === undefined ? undefined : toWire(error, this.#loopId);
    this.#post({ type: 'ended', reason, error: wire, report: manager.metrics() });
  }

  #pushed(count: number, refused: readonly (readonly [number, WireError])[]): void {
    const errors = new Map(refused);
    for (let index = 0; index < count; index++) {
      const error = errors.get(index);
      const push = this.#pushes.shift();
      if (error === undefined) push?.resolve();
      else push?.reject(fromWire(error));
    }
    this.#underWay -= count;
    if (this.#underWay >= window) return;
    const waiting = this.#onRoom;
    this.#onRoom = [];
    for (const { resolve } of waiting) resolve();
  }

  #report(manager: LoopManager): void {
    this.#post({ type: 'report', report: manager.metrics() });
  }

  /** Aborts the loop. Pushes that wait fail with `reason`, because the queue may no longer have a reader. */
  #abort(reason: Error): void {
    this.#manager?.abort(reason);
    for (const push of this.#pushes) push?.reject(reason);
    for (const { reject } of this.#onRoom.splice(0)) reject(reason);
  }

  #replay(nodeId: string, value: unknown): void {
    try {
      this.#manager?.replay(nodeId, value);
    } catch (error) {
      this.report({ type: 'failure', nodeId, iteration: 0, error });
    }
  }

  #did(deed: Deed): void {
    this.#deeds.push(deed);
    if (this.#deeds.length >= batch) this.#flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.#flush());
    }
  }

  #flush(): void {
    this.#isScheduled = false;
    if (this.#deeds.length === 0) return;
    const deeds = this.#deeds;
    this.#deeds = [];
    try {
      this.#post({ type: 'deeds', deeds });
    } catch {
      // One of the effects cannot be cloned. Send the others.
      for (const deed of deeds) this.#sendAlone(deed);
    }
  }

  #sendAlone(deed: Deed): void {
    try {
      this.#post({ type: 'deeds', deeds: [deed] });
    } catch (thrown) {
      this.#post({ type: 'deeds', deeds: [['event', this.#insteadOf(deed, failureOf(thrown, this.#loopId))]] });
    }
  }

  /**
   * Returns the event that replaces an effect that cannot be cloned. Never called for a push, whose value is checked
   * when the node pushes it.
   */
  #insteadOf(deed: Deed, error: Error): LoopEvent {
    const event = deed[0] === 'event' ? deed[1] : undefined;
    // Drop the value of the dead letter, but keep its error and message.
    if (event?.type === 'dead-letter') return { ...event, letter: { ...event.letter, value: undefined } };
    return { type: 'failure', nodeId: '', iteration: 0, error: toWire(error, this.#loopId) };
  }
}

/** The reading end of a queue inside a thread or process. Messages are received ahead of time. */
class RemoteInlet implements Inlet {
  readonly #messages = new Deque<Message>();
  #hasEnded = false;
  #onReady: (() => void)[] = [];

  constructor(private readonly did: (deed: Deed) => void) {}

  get isDrained(): boolean {
    return this.#hasEnded && this.#messages.size === 0;
  }

  take(): Message | undefined {
    return this.#messages.shift();
  }

  ready(): Promise<void> {
    if (this.#messages.size > 0 || this.#hasEnded) return Promise.resolve();
    return new Promise((resolve) => this.#onReady.push(resolve));
  }

  acknowledge({ id }: Message): void {
    this.did(['ack', id]);
  }

  giveBack({ id }: Message): void {
    this.did(['back', id]);
  }

  add(messages: readonly Message[]): void {
    for (const message of messages) this.#messages.push(message);
    this.#wake();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#onReady;
    this.#onReady = [];
    for (const resolve of waiting) resolve();
  }
}
