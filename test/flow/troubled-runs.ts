import { type CheckpointStore, FlowRuntime, type WorkflowResult } from 'orchestrator/flow';
import { expect } from 'vitest';
import { turns } from '../../src/distributed/testing/lateness.js';
import { never, Program } from '../../src/distributed/testing/program.js';
import { calm, type Plan } from '../../src/distributed/testing/trouble-plan.js';
import { eventsFor, markOf, marksIn, pictureOf, runId, type Scene, type Site } from './scene.js';

/*
 * Runs whose store fails and whose program dies, until they have ended, and the checks that the result shows nothing of
 * that.
 *
 * Each execution has a mark, a text that appears in its output and in everything it writes. The harness sees which
 * marks are in the texts that the store has accepted, and so knows which executions the run must not repeat.
 */

/** The surroundings of the programs of a trial, which share the store. */
export interface Place {
  /** Opens the store for a new program. */
  readonly open: () => CheckpointStore;
}

export interface Trial {
  readonly result: WorkflowResult;
  readonly programs: readonly Program<CheckpointStore>[];
  readonly executions: readonly string[];
}

const mostPrograms = 300;
/** Runs a scene to its end, one program after another. The plans are for the first programs. */
export async function untilDone(scene: Scene, place: Place, plans: readonly Plan[] = []): Promise<Trial> {
  const trial = new Trials(scene, place, plans);
  try {
    return await trial.run();
  } catch (error) {
    const history = trial.programs.map((program, at) => `  program ${at + 1}, ${program}`).join('\n');
    throw Object.assign(error as Error, { message: `${(error as Error).message}\n${history}` });
  }
}

class Trials {
  readonly programs: Program<CheckpointStore>[] = [];
  readonly #executions: string[] = [];
  readonly #saved = new Set<string>();
  readonly #faults: string[] = [];

  constructor(
    private readonly scene: Scene,
    private readonly place: Place,
    private readonly plans: readonly Plan[],
  ) {}

  async run(): Promise<Trial> {
    let events: Record<string, unknown> = {};
    while (this.programs.length < mostPrograms) {
      const ended = await this.#runProgram(events);
      expect(this.#faults).toEqual([]);
      events = {};
      if (ended === undefined) continue;
      if (ended.status !== 'awaiting') return this.#end(ended);
      events = await eventsFor(ended.awaiting);
    }
    throw new Error(`the run has not ended after ${mostPrograms} programs`);
  }

  /** Runs one program. Returns `undefined` if it died or could not continue. */
  async #runProgram(
    events: Readonly<Record<string, unknown>>,
    plan = this.plans[this.programs.length] ?? calm,
  ): Promise<WorkflowResult | undefined> {
    const program = new Program(this.place.open(), {
      methods: ['claim', 'save', 'append', 'load', 'delete', 'list'],
      held: { claim: { letGo: ['release'] } },
      plan,
      onDone: (method, args) => this.#note(method, args),
    });
    this.programs.push(program);
    const isKnown = (await this.place.open().load(runId)) !== undefined;
    const flow = this.scene.build(this.#siteOf(program));
    const options = { ...this.scene.options, checkpoint: program.face };
    const runtime = new FlowRuntime({ registry: flow.registry });
    const running = isKnown
      ? runtime.resume(flow, runId, { ...options, events })
      : runtime.run(flow, structuredClone(this.scene.context ?? {}), { ...options, runId });
    const outcome = await Promise.race([
      running.then(
        (result) => ({ result }),
        (error: unknown) => ({ error }),
      ),
      program.death.then(() => 'dead' as const),
      limit(program),
    ]);
    const isTroubled = program.history.some((line) => /: (?!\S+ rejects)[a-z]/.test(line));
    if (outcome === 'dead') return undefined;
    if (program.holds > 0 && !isTroubled) this.#faults.push('the run has ended, and what it claimed is not released');
    program.kill();
    if ('result' in outcome) return outcome.result;
    program.history.push(`the run rejects: ${outcome.error}`);
    // A conflict with another program passes by itself. Any other error must come from a planned trouble.
    const isPassing = /Locked|already|waited for/.test(`${outcome.error}`) && this.programs.length > 1;
    if (!isTroubled && !isPassing) throw outcome.error;
    if (isPassing) await turns(5);
    return undefined;
  }

  /** After all late calls have arrived, the run is unchanged: continued once more, it executes nothing. */
  async #end(result: WorkflowResult): Promise<Trial> {
    for (const program of this.programs) await program.rest();
    const before = this.#executions.filter((mark) => this.#mayRepeat(mark)).length;
    const count = this.#executions.length - before;
    const again = await this.#runProgram({}, calm);
    expect(this.#faults).toEqual([]);
    const { programs } = this;
    const executions = this.#executions;
    expect(executions.filter((mark) => !this.#mayRepeat(mark))).toHaveLength(count);
    expect(again && pictureOf(again)).toEqual(pictureOf(result));
    return { result, programs, executions };
  }

  #siteOf(program: Program<CheckpointStore>): Site {
    const own = new Set<string>();
    return {
      begin: async (args, input) => {
        if (!program.isAlive) return never;
        const mark = markOf(args);
        program.history.push(`begins ${mark}`);
        this.#executions.push(mark);
        if (own.has(mark)) this.#faults.push(`${mark} is executed twice in one program`);
        if (this.#saved.has(mark) && !this.#mayRepeat(mark))
          this.#faults.push(`${mark} is executed, and was saved before`);
        own.add(mark);
        for (const cause of marksIn(JSON.stringify(input ?? null))) {
          if (!this.#saved.has(cause)) this.#faults.push(`${mark} is executed before ${cause} was saved`);
        }
        return mark;
      },
      end: async (mark) => {
        if (!program.isAlive) return never;
        program.history.push(`ends ${mark}`);
      },
    };
  }

  #note(method: string, args: readonly unknown[]): void {
    if (method !== 'save' && method !== 'append') return;
    for (const arg of args.slice(1)) {
      if (typeof arg === 'string') for (const mark of marksIn(arg)) this.#saved.add(mark);
    }
  }

  #mayRepeat(mark: string): boolean {
    return this.scene.fails?.(mark) ?? false;
  }
}

async function limit(program: Program<CheckpointStore>): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
  throw new Error(`a run has not settled: ${program.calls} calls`);
}

/** A troubled run ends like an undisturbed one, and everything that had to be executed was executed. */
export function expectSameEnd(trial: Trial, undisturbed: Trial): void {
  try {
    expect(pictureOf(trial.result)).toEqual(pictureOf(undisturbed.result));
    expect([...new Set(trial.executions)].toSorted()).toEqual([...new Set(undisturbed.executions)].toSorted());
  } catch (error) {
    const history = trial.programs.map((program, at) => `  program ${at + 1}, ${program}`).join('\n');
    throw Object.assign(error as Error, { message: `${(error as Error).message}\n${history}` });
  }
}
