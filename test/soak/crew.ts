import { setTimeout as sleep } from 'node:timers/promises';
import type { Call } from '../distributed/faults/fixtures/orchestrator.js';
import type { OrchestratorTold as Told } from '../distributed/faults/remote-orchestrator.js';
import { isAnswer, RemoteOrchestrator } from '../distributed/faults/remote-orchestrator.js';
import { type SettableClock, settableClock, wrongClock } from '../distributed/servers/clocks.js';
import { startWorkerProcess, type WorkerProcess } from '../distributed/servers/processes.js';
import { type Proxy as Network, startProxy } from '../distributed/servers/proxy.js';
import type { Surroundings } from './surroundings.js';
import type { Tally } from './tally.js';

export type Role = 'worker' | 'orchestrator';

/** What all programs of a crew have in common. */
export interface CrewOptions {
  readonly surroundings: Surroundings;
  readonly seed: number;
  readonly prefix: string;
  /** The bundled program. */
  readonly module: string;
  /** Where clocks are set, and where effects are noted. */
  readonly directory: string;
  readonly ledger: string;
  /** If false, all clocks are right. */
  readonly hasFaketime: boolean;
  /** The share of calls of troubled engines that go wrong. */
  readonly trouble: number;
  readonly tally: Tally;
}

/** How long a call may take at an engine that cannot be reached, in milliseconds; and how long it is waited for. */
const operationTimeout = 8_000;
const slack = 10_000;
const hour = 3_600_000;

export const lockDuration = 1_500;

const workerOptions = {
  concurrency: 10,
  lockDuration,
  heartbeatInterval: 300,
  watchInterval: 150,
  maintenanceInterval: 2_000,
  // Workers die all the time here, and not for what a node does.
  maxCrashes: 1_000,
};

/** What came of a call that was asked for until it was answered. */
export interface Answered {
  readonly value?: unknown;
  readonly code?: string;
  /** If true, it was asked once: no request of it can arrive later. */
  readonly isCertain: boolean;
}

/** Errors that say something of the run, not of the engine. */
const ofTheRun = ['ERR_RUN_STATE', 'ERR_RUN_NOT_FOUND', 'ERR_RUN_EXISTS'];

/** The programs of a fleet. One that dies is replaced. */
export class Crew {
  readonly slots: readonly Slot[];
  /** The calls that were not answered yet, in words, by what they are. */
  readonly #open = new Map<object, string>();
  #turn = 0;

  private constructor(
    slots: readonly Slot[],
    private readonly tally: Tally,
  ) {
    this.slots = slots;
  }

  static async start(options: CrewOptions): Promise<Crew> {
    const plans: Plan[] =
      options.surroundings.port === undefined
        ? [{ roles: ['worker', 'orchestrator'], clock: 'right', isTroubled: true }]
        : [
            { roles: ['worker'], clock: 'right' },
            { roles: ['worker'], clock: 'right', isTroubled: true },
            { roles: ['worker'], clock: 'settable' },
            { roles: ['orchestrator'], clock: 'right' },
            { roles: ['orchestrator'], clock: 'wrong' },
          ];
    const slots = await Promise.all(plans.map((plan) => Slot.open(plan, options)));
    return new Crew(slots, options.tally);
  }

  having(role: Role): Slot[] {
    return this.slots.filter(({ plan }) => plan.roles.includes(role));
  }

  /** Calls that are not answered yet, in words. */
  get open(): string[] {
    return [...this.#open.values()];
  }

  /** Asks one orchestrator after the other until one of them says what has become of it. */
  async ask<Name extends Call['call']>(call: Name, ...args: Call<Name>['args']): Promise<Answered> {
    const name = { call };
    try {
      return await this.#ask(name, call, args);
    } finally {
      this.#open.delete(name);
    }
  }

  async #ask<Name extends Call['call']>(name: object, call: Name, args: Call<Name>['args']): Promise<Answered> {
    for (let tries = 1; ; tries++) {
      this.#open.set(name, `${call}(${JSON.stringify(args)}), the ${tries}. time, waits for an orchestrator`);
      const slot = await this.#nextOrchestrator();
      const { remote } = slot;
      const { pid } = slot;
      this.#open.set(
        name,
        `${call}(${JSON.stringify(args)}), the ${tries}. time, of process ${pid} since ${Date.now()}`,
      );
      const began = performance.now();
      const pauses = slot.pauses;
      try {
        return { value: await remote?.ask(call, ...args), isCertain: tries === 1 };
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        if (code !== undefined && ofTheRun.includes(code)) return { code, isCertain: tries === 1 };
        const took = Math.round(performance.now() - began);
        const isLate = took > operationTimeout + slack && slot.pauses === pauses;
        if (!isAnswer(error)) {
          // It has died, which is nothing of its own, or has not answered.
          if (/no such message/.test(message) && isLate) this.tally.find(`${call} has not settled within ${took} ms`);
        } else if (code !== 'ERR_ENGINE') {
          this.tally.find(`${call} rejected with ${code ?? 'no code'} after ${took} ms: ${message}`);
          if (code !== undefined) return { code, isCertain: false };
        } else if (isLate) {
          this.tally.find(`${call} took ${took} ms, though operationTimeout is ${operationTimeout}: ${message}`);
        } else this.tally.count('calls rejected');
        await sleep(200);
      }
    }
  }

  async heal(): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.heal()));
  }

  /** Ends all programs, as they should. Those that do not end are killed, and told of. */
  async stop(): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.stop()));
  }

  async #nextOrchestrator(): Promise<Slot> {
    for (;;) {
      const ready = this.having('orchestrator').filter(({ isReady }) => isReady);
      this.#turn += 1;
      const slot = ready[this.#turn % Math.max(1, ready.length)];
      if (slot !== undefined) return slot;
      await sleep(50);
    }
  }
}

interface Plan {
  readonly roles: readonly Role[];
  readonly clock: 'right' | 'wrong' | 'settable';
  /** If true, calls of the worker's engine go wrong. Default: false. */
  readonly isTroubled?: boolean;
}

/** The place of a program in the fleet, with a network of its own to the server. */
export class Slot {
  /** How often it was stopped and continued. */
  pauses = 0;
  isReady = false;
  remote: RemoteOrchestrator | undefined;
  #process: WorkerProcess<Told> | undefined;
  #starts = 0;
  #isStopping = false;
  /** If true, its end is no surprise. */
  #isDoomed = false;
  #life: Promise<void> = Promise.resolve();

  private constructor(
    readonly plan: Plan,
    readonly proxy: Network | undefined,
    readonly clock: SettableClock | undefined,
    private readonly options: CrewOptions,
  ) {
    this.#life = this.#live();
  }

  static async open(plan: Plan, options: CrewOptions): Promise<Slot> {
    const { port } = options.surroundings;
    const clock = plan.clock === 'settable' && options.hasFaketime ? await settableClock(options.directory) : undefined;
    return new Slot(plan, port === undefined ? undefined : await startProxy(port), clock, options);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async kill(): Promise<void> {
    this.#isDoomed = true;
    await this.#process?.kill();
  }

  /** Has it end in an orderly way; another takes its place. */
  async replace(): Promise<void> {
    this.#isDoomed = true;
    this.isReady = false;
    await this.#end();
  }

  async pause(milliseconds: number): Promise<void> {
    const process = this.#process;
    this.pauses += 1;
    process?.signal('SIGSTOP');
    await sleep(milliseconds);
    process?.signal('SIGCONT');
  }

  async heal(): Promise<void> {
    await this.proxy?.heal();
    await this.clock?.set(0);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#isDoomed = true;
    await this.#end();
    await this.#life;
    await this.proxy?.stop();
  }

  /** Runs one program after the other. */
  async #live(): Promise<void> {
    while (!this.#isStopping) {
      this.#isDoomed = false;
      const process = this.#spawn();
      this.#process = process;
      const remote = new RemoteOrchestrator(process);
      const ready = remote.ready().then(
        () => {
          this.remote = remote;
          this.isReady = true;
        },
        () => undefined,
      );
      const { code, signal } = await process.exited;
      this.isReady = false;
      this.remote = undefined;
      await ready;
      this.#hear(process, code, signal);
      if (!this.#isStopping) await sleep(200);
    }
  }

  #spawn(): WorkerProcess<Told> {
    const { surroundings, seed, prefix, module, ledger, hasFaketime, trouble } = this.options;
    this.#starts += 1;
    const address = surroundings.addressAt(this.proxy?.port ?? 0);
    const timeouts = surroundings.port === undefined ? {} : { connectTimeout: 5_000, operationTimeout };
    const spec = { kind: surroundings.kind, address, options: { prefix, ...timeouts } };
    const { roles, clock, isTroubled = false } = this.plan;
    const troubled = isTroubled ? { seed: seed + this.#starts, share: trouble } : undefined;
    const wrong = clock === 'wrong' && hasFaketime ? wrongClock(this.#starts % 2 === 0 ? hour : -hour) : {};
    const env = {
      ...surroundings.env,
      ...wrong,
      ...this.clock?.env,
      SOAK: JSON.stringify({ roles, seed, spec, ledger, troubled, options: workerOptions }),
    };
    return startWorkerProcess<Told>({ module, env, isBuilt: true });
  }

  /** Asks a program to end. One that does not is killed, which is a fault of it. */
  async #end(): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    process.signal('SIGCONT');
    process.send({ type: 'stop' });
    const deadline = new AbortController();
    const late = sleep(90_000, 'late', { signal: deadline.signal }).catch(() => 'ended');
    const how = await Promise.race([process.exited.then(() => 'ended'), late]);
    deadline.abort();
    if (how === 'ended') return;
    this.options.tally.find(`a program (${this.plan.roles}) has not ended within 90 s after it was told to`);
    await process.kill();
  }

  /** What a program has left: its warnings, what it printed, and how it ended. */
  #hear({ messages, output }: WorkerProcess<Told>, code: number | null, signal: string | null): void {
    const { tally, surroundings } = this.options;
    const warnings = messages.filter((told): told is Extract<Told, { type: 'warning' }> => told.type === 'warning');
    for (const { message } of warnings) tally.warn(message);
    const texts = [output, ...warnings.map(({ message }) => message)];
    if (texts.some((text) => surroundings.secrets.some((secret) => text.includes(secret)))) {
      tally.find('a password was printed, or is in a warning');
    }
    if (output !== '') tally.find(`a program (${this.plan.roles}) has printed: ${output.slice(-1_500)}`);
    const isExpected = this.#isDoomed || code === 75;
    if (!isExpected) tally.find(`a program (${this.plan.roles}) has ended by itself with ${signal ?? code}`);
    if (code === 75) tally.count('failed starts');
  }
}
