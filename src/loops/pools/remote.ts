import { ValidationError } from '../../shared/errors.js';
import { answer } from '../answer.js';
import type { ModuleLoop, Overflow, Placement } from '../definition.js';
import { LoopCrashError, LoopStateError } from '../errors.js';
import type { LoopEnd } from '../health.js';
import type { LoopHost } from '../host.js';
import { fromWire, toWire, type WireError } from '../wire.js';
import { type Channel, isInPlaceOfNode, openProcess, openThread } from './channel.js';
import { circleWith, keyOf, loopsWithin } from './circle.js';
import { hrefOf, moduleError } from './module.js';
import type { LoopReport, LoopShape, PooledLoop } from './pool.js';
import { type Deed, type Down, eventFromWire, protocol, type Up } from './protocol.js';
import { Supply } from './supply.js';

const inPlaceOfNode =
  'the pool process needs Node, but this program is a single executable: use the pool thread or async';

/**
 * The orchestrator's side of a loop that runs in its own thread or process. Implements the pools `thread` and
 * `process`.
 */
export class RemoteLoop implements PooledLoop {
  readonly #loopId: string;
  #channel: Channel | undefined = undefined;
  #shape: LoopShape;
  #host: LoopHost | undefined = undefined;
  /** The supply of messages, for a loop that reads a queue. Set at the start. */
  #supply: Supply | undefined = undefined;
  readonly #prepared = answer<LoopShape>();
  readonly #started = answer<void>();
  readonly #ended = answer<LoopEnd>();
  readonly #pauses = new Map<number, () => void>();
  #lastPause = 0;
  #deeds: Deed[] = [];
  #isWorking = false;
  #report: LoopReport | undefined = undefined;
  #isAborted = false;
  #isOver = false;
  /** The uncaught exception that the thread or process reported before its end. */
  #cause: Error | undefined = undefined;
  /** If true, the loop was aborted while one of its pushes waited for room. */
  #isCut = false;

  constructor(
    private readonly placed: ModuleLoop & Placement,
    /** Overflow policies by queue name. */
    private readonly overflows: () => Readonly<Record<string, Overflow>>,
  ) {
    this.#loopId = placed.id;
    this.#shape = { id: placed.id, reads: undefined, pushes: [], nodes: [], batch: 1 };
  }

  prepare(): Promise<LoopShape> {
    if (this.#channel !== undefined) return this.#prepared.promise;
    const { pool = 'thread', resourceLimits, options } = this.placed;
    const circle = circleWith(this.placed);
    if (circle !== undefined || (pool === 'process' && isInPlaceOfNode())) {
      this.#over(circle ?? new LoopStateError(this.#loopId, 'not started', inPlaceOfNode));
      return this.#prepared.promise;
    }
    const events = {
      onMessage: (message: Up) => this.#onMessage(message),
      onExit: (how: string, cause?: unknown) => this.#onExit(how, cause),
    };
    this.#channel = pool === 'process' ? openProcess(events) : openThread(this.#loopId, resourceLimits, events);
    const exportName = this.placed.export ?? 'default';
    try {
      this.#post({
        type: 'prepare',
        loopId: this.#loopId,
        module: hrefOf(this.placed),
        exportName,
        options,
        within: [...loopsWithin(), keyOf(this.placed)],
        protocol,
        typescript: process.execArgv.some((argument) => /\btsx\b/.test(argument)),
      });
    } catch (thrown) {
      this.#over(
        new ValidationError(
          `options of loop "${this.#loopId}" cannot be sent to its ${pool}: ${Object(thrown).message}`,
          { cause: thrown },
        ),
      );
      void this.#channel.terminate();
    }
    return this.#prepared.promise;
  }

  async start(host: LoopHost, { paused }: { readonly paused: boolean }): Promise<{ readonly ended: Promise<LoopEnd> }> {
    this.#host = host;
    const shape = this.#shape;
    if (shape.reads !== undefined) {
      const inlet = host.inlet(shape.reads);
      const post = (message: Down) => this.#post(message);
      this.#supply = new Supply({ shape, inlet, host, post, isOver: () => this.#isOver });
    }
    this.#post({ type: 'start', cursor: host.cursor, overflows: this.overflows(), paused });
    await this.#started.promise;
    this.#supply?.deliver();
    return { ended: this.#ended.promise };
  }

  async pause(): Promise<void> {
    if (this.#isOver) return;
    const id = ++this.#lastPause;
    const paused = new Promise<void>((resolve) => this.#pauses.set(id, resolve));
    this.#post({ type: 'pause', id });
    await paused;
  }

  resume(): void {
    this.#post({ type: 'resume' });
  }

  stop({ drain }: { readonly drain: boolean }): void {
    this.#post({ type: 'stop', drain });
    this.#supply?.tellDrained();
  }

  abort(reason: Error): void {
    if (this.#isWorking) this.#isCut = true;
    this.#isAborted = true;
    this.#post({ type: 'abort', reason: toWire(reason, this.#loopId) });
  }

  async terminate(): Promise<boolean> {
    this.#over(new LoopCrashError(this.#loopId, 'it was terminated'));
    await this.#channel?.terminate();
    return true;
  }

  replay(nodeId: string, value: unknown): void {
    this.#post({ type: 'replay', nodeId, value });
  }

  /**
   * Returns the latest figures. If the loop has crashed since its last report, the number of acknowledged messages is a
   * lower limit for the number of iterations.
   */
  report(): LoopReport | undefined {
    const report = this.#report;
    const known = Math.ceil((this.#supply?.acknowledged ?? 0) / this.#shape.batch);
    return report === undefined || report.iterations >= known ? report : { ...report, iterations: known };
  }

  #post(message: Down): void {
    if (!this.#isOver) this.#channel?.post(message);
  }

  #onMessage(message: Up): void {
    switch (message.type) {
      case 'prepared':
        // A different copy of this package may not send the id.
        this.#shape = { ...message.shape, id: this.#loopId };
        this.#prepared.resolve(this.#shape);
        return;
      case 'started':
        this.#started.resolve();
        return;
      case 'unloaded':
        this.#failed(moduleError(this.placed, message.fault));
        return;
      case 'failed':
        this.#failed(fromWire(message.error));
        return;
      case 'deeds':
        for (const deed of message.deeds) this.#deeds.push(deed);
        void this.#work();
        return;
      case 'report':
        this.#report = message.report;
        return;
      case 'paused':
        this.#pauses.get(message.id)?.();
        this.#pauses.delete(message.id);
        return;
      case 'crashing':
        this.#cause = fromWire(message.error);
        return;
      case 'ended':
        void this.#hasEnded(message);
    }
  }

  /** Ends a loop that could not be loaded or set up. */
  #failed(error: Error): void {
    this.#over(error);
    void this.#channel?.terminate();
  }

  #onExit(how: string, given: unknown): void {
    const cause = this.#cause ?? given;
    this.#over(new LoopCrashError(this.#loopId, how, cause === undefined ? undefined : { cause }));
  }

  #over(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deeds = [];
    for (const { reject } of [this.#prepared, this.#started, this.#ended]) reject(error);
    for (const resolve of this.#pauses.values()) resolve();
  }

  async #hasEnded({ reason, error, report }: Extract<Up, { type: 'ended' }>): Promise<void> {
    // Apply the last effects of the loop before its end.
    await this.#work();
    if (!this.#isAborted) this.#supply?.giveBackAll();
    this.#report = report;
    this.#isOver = true;
    for (const resolve of this.#pauses.values()) resolve();
    await this.#channel?.terminate();
    this.#ended.resolve(error === undefined ? { reason } : { reason, error: fromWire(error) });
  }

  #working: Promise<void> = Promise.resolve();

  /** Applies the effects of the loop in order. A push that waits for room delays all later effects. */
  #work(): Promise<void> {
    if (!this.#isWorking) this.#working = this.#workOff();
    return this.#working;
  }

  async #workOff(): Promise<void> {
    this.#isWorking = true;
    let count = 0;
    let refused: [number, WireError][] = [];
    const tell = () => {
      if (count > 0) this.#post({ type: 'pushed', count, refused });
      count = 0;
      refused = [];
    };
    while (this.#deeds.length > 0 && !this.#isOver) {
      const deeds = this.#deeds;
      this.#deeds = [];
      for (const deed of deeds) {
        if (deed[0] !== 'push') {
          this.#carryOut(deed);
          continue;
        }
        try {
          const pushed = this.#host?.push(deed[1], deed[2], deed[3]);
          if (pushed !== undefined) {
            tell();
            await pushed;
            // The loop is gone, and its next life will repeat the effects after this push.
            if (this.#isOver) return;
          }
        } catch (error) {
          // Effects after an interrupted push must not happen without the push.
          if (this.#isCut || this.#isOver) return;
          refused.push([count, toWire(error, this.#loopId)]);
        }
        count++;
      }
      tell();
      this.#supply?.deliver();
    }
    this.#isWorking = false;
  }

  #carryOut(deed: Exclude<Deed, readonly ['push', ...unknown[]]>): void {
    switch (deed[0]) {
      case 'ack':
        this.#supply?.acknowledge(deed[1]);
        return;
      case 'back':
        this.#supply?.giveBack(deed[1]);
        return;
      case 'cursor':
        this.#host?.saveCursor(deed[1]);
        return;
      case 'event':
        this.#host?.report(eventFromWire(deed[1]));
    }
  }
}
