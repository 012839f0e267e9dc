import { randomUUID } from 'node:crypto';
import { cleaned } from '../../../shared/text.js';
import type { Engine, ShardSet } from '../../contracts.js';
import { EngineError } from '../../errors.js';
import { placesOf } from './placement.js';
import { answerOf, type Shard } from './shard.js';

/** A question to a shard: returns true if the shard has the run. */
type Has = (engine: Engine) => Promise<boolean>;

/** Finds the shard of each run, and chooses a shard for each new run. */
export class ShardMap implements ShardSet {
  readonly all: readonly Engine[];

  /**
   * @param name - the name of the engine that the shards make up
   * @param initial - the number of shards with which the fleet began
   */
  constructor(
    private readonly name: string,
    readonly shards: readonly Shard[],
    private readonly initial: number,
  ) {
    this.all = shards.map(({ engine }) => engine);
  }

  async of(runId: string): Promise<Engine> {
    return this.find(runId, hasRun(runId));
  }

  async forStart(runId?: string): Promise<{ readonly engine: Engine; readonly runId: string }> {
    if (runId === undefined) return this.#forNew();
    return { engine: await this.findOrPlace(runId, hasRun(runId)), runId };
  }

  /**
   * Finds a run that may be anywhere: asks its home first, then all other shards at once.
   *
   * @returns the shard that has the run; the home of the run if no shard has it
   * @throws {EngineError} if the run was not found, and a shard that may have it does not answer
   */
  async find(runId: string, has: Has): Promise<Engine> {
    const places = this.#placesOf(runId);
    const home = places[0] as Shard;
    const atHome = await answerOf(home, has);
    if (atHome === true) return home.engine;
    const others = this.shards.filter((shard) => shard !== home);
    const answers = new Map<Shard, boolean | EngineError>([[home, atHome]]);
    const found = await firstToHave(others, has, answers);
    return found?.engine ?? this.#homeUnlessAway(runId, places, answers);
  }

  /**
   * Finds a run that is to be started unless it exists: asks only the shards on which it may have been started.
   *
   * @returns the shard that has the run; the home of the run if no shard has it
   * @throws {EngineError} if the run was not found, and a shard on which it may have been started does not answer
   */
  async findOrPlace(runId: string, has: Has): Promise<Engine> {
    const places = this.#placesOf(runId);
    const answers = new Map<Shard, boolean | EngineError>();
    const found = await firstToHave(places, has, answers);
    return found?.engine ?? this.#homeUnlessAway(runId, places, answers);
  }

  /** Makes an id whose home answers. So the run is at home, and is found as fast as any other. */
  async #forNew(): Promise<{ readonly engine: Engine; readonly runId: string }> {
    const away = new Map<Shard, EngineError>();
    const open = this.shards.filter(({ isOpen }) => isOpen).length;
    while (away.size < open) {
      const runId = randomUUID();
      const home = this.#placesOf(runId)[0] as Shard;
      if (away.has(home)) continue;
      const answer = await answerOf(home, hasRun(runId));
      if (!(answer instanceof EngineError)) return { engine: home.engine, runId };
      away.set(home, answer);
    }
    const cause = new AggregateError(away.values(), [...away.values()].map(({ message }) => message).join('; '));
    throw new EngineError(this.name, 'cannot start a run: no shard that takes new runs answers', { cause });
  }

  /** Returns the home of a run that no shard has, unless a shard that may have the run did not answer. */
  #homeUnlessAway(runId: string, places: readonly Shard[], answers: ReadonlyMap<Shard, boolean | EngineError>): Engine {
    const home = places[0] as Shard;
    for (const shard of places) {
      const answer = answers.get(shard);
      if (!(answer instanceof EngineError)) continue;
      const advice = shard === home ? '' : ', or give shards() "initial", the number of shards at first';
      const problem = `(shard ${shard.position}) may have run "${cleaned(runId, 100)}": call again when the shard answers${advice}`;
      throw new EngineError(shard.engine.name, problem, { reason: answer.reason, cause: answer });
    }
    return home.engine;
  }

  #placesOf(runId: string): readonly Shard[] {
    return placesOf(runId, this.shards, this.initial);
  }
}

function hasRun(runId: string): Has {
  return async ({ runInfoStore }) => (await runInfoStore.getStatuses([runId]))[0] !== undefined;
}

/**
 * Asks shards at the same time.
 *
 * @param answers - receives the answers
 * @returns the shard that first says that it has the run; `undefined` if all shards have answered otherwise
 */
async function firstToHave(
  shards: readonly Shard[],
  has: Has,
  answers: Map<Shard, boolean | EngineError>,
): Promise<Shard | undefined> {
  return new Promise((resolve, reject) => {
    const asked = shards.map(async (shard) => {
      const answer = await answerOf(shard, has);
      answers.set(shard, answer);
      if (answer === true) resolve(shard);
    });
    Promise.all(asked).then(() => resolve(undefined), reject);
  });
}
