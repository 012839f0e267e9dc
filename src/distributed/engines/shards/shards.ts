import { aLimit, anObjectOf, aValue, invalid } from '../../../shared/validate.js';
import type { DisposableEngine, Engine } from '../../contracts.js';
import { isEngine } from '../is-engine.js';
import { Shard } from './shard.js';
import { ShardsEngine } from './shards-engine.js';

/**
 * Options of `shards`: which shards take no new runs, how many there were at first, and how long a shard gets to answer.
 * All programs of a fleet should give the same `drained` and `initial`.
 *
 * @example
 * const engine = shards([one, two, three, added], { initial: 3, drained: [1] });
 */
export interface ShardsOptions {
  /**
   * Number of shards with which the fleet began: the first ones of the list. A run with an id of your own may have been
   * started before a shard was added, so its start and its search ask the shards on which it may be. With `initial`,
   * these are fewer, and a shard that is away prevents fewer starts. Default: 1, so each shard after the first may
   * have been added later.
   */
  readonly initial?: number | undefined;
  /**
   * Positions of shards that take no new runs, from 0. Their runs go on, and are found. A drained shard must not be
   * opened again. When it has no runs left, set its place in the list to `undefined`. Default: none.
   */
  readonly drained?: readonly number[] | undefined;
  /**
   * Milliseconds that a shard gets to answer if it has a run, and to answer a question about all runs, jobs or workers.
   * Afterwards, the shard counts as away, and is waited for no longer until it answers. Use more for searches by `text`
   * over millions of runs. Default: 3000.
   */
  readonly answerTimeout?: number | undefined;
}

const isPosition = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

const readOptions = anObjectOf<ShardsOptions>({
  initial: aValue('a whole number of at least 1', (value) => Number.isSafeInteger(value) && (value as number) >= 1),
  drained: aValue('an array of positions, from 0', (value) => Array.isArray(value) && value.every(isPosition)),
  answerTimeout: aLimit,
});

/** Number of shards that the name of the engine lists. */
const mostNamed = 3;

/**
 * Creates an engine from several engines, the shards. Use it when one server is not enough. Each run is on one shard;
 * new runs are spread evenly, by their ids. Give the engine to orchestrators and workers like any other. A worker serves
 * all shards; to serve one only, give it the engine of this shard.
 *
 * The position of a shard in the list is its name: **append new shards, and never change the order**. Then runs stay on
 * their shards, and are found. A shard that was removed leaves `undefined` in its place.
 *
 * While a shard is away, the runs on others go on. A run without an id of your own is started on a shard that answers. A
 * call about a run that may be on the missing shard rejects with an `EngineError`. So do lists and counts of all runs,
 * unless they are given `onError`. Closing the engine closes all shards.
 *
 * @param engines - the shards, in the order in which they were added
 * @param options - `initial`, `drained` and `answerTimeout`. Default: `{}`
 * @throws {ValidationError} for a list or an option of the wrong kind
 *
 * @example
 * const engine = shards([redis(first), redis(second), redis(third)], { initial: 3 });
 * const fleet = defineFleet({ engine, workflows: [order] });
 */
export function shards(engines: readonly (Engine | undefined)[], options: ShardsOptions = {}): DisposableEngine {
  const { initial = 1, drained = [], answerTimeout = 3_000 } = readOptions(options);
  const given = aShardList(engines);
  for (const position of drained) {
    if (given[position] === undefined) throw invalid('drained', 'positions of shards in the list', position);
  }
  if (initial > given.length) throw invalid('initial', `at most the number of shards (${given.length})`, initial);
  const parts = given.flatMap((engine, position) =>
    engine === undefined ? [] : [new Shard(engine, position, !drained.includes(position), answerTimeout)],
  );
  if (!parts.some(({ isOpen }) => isOpen)) throw invalid('drained', 'some of the shards, not all of them', drained);
  const names = parts.map(({ engine }) => engine.name);
  const more = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : '';
  return new ShardsEngine(`${names.length} shards (${names.slice(0, mostNamed).join(', ')}${more})`, parts, initial);
}

function aShardList(engines: unknown): readonly (Engine | undefined)[] {
  const expected = 'an array of engines: memory(), pglite(directory), postgres(url) or redis(url)';
  if (!Array.isArray(engines) || !engines.some((engine) => engine !== undefined))
    throw invalid('engines', expected, engines);
  const seen = new Set<Engine>();
  for (const [position, engine] of (engines as unknown[]).entries()) {
    if (engine === undefined) continue;
    const field = `engines[${position}]`;
    if (!isEngine(engine) || engine.shards !== undefined) throw invalid(field, 'an engine without shards', engine);
    if (seen.has(engine)) throw invalid(field, 'an engine that is not in the list already', engine);
    seen.add(engine);
  }
  return engines;
}
