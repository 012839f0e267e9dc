import pAll from 'p-all';
import pMap from 'p-map';
import { Orchestrator } from '../dist/index.js';
import { floor, insideFloor } from './floor.mjs';
import {
  limits,
  milliseconds,
  minTimeout,
  retries,
  withBarePRetry,
  withCockatiel,
  withEffect,
  withPLimit,
  withPQueue,
  withPRetry,
  withPRetryAndPTimeout,
  withPTimeout,
} from './peers.mjs';

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string} group
 * @property {(left: number, right: number) => Promise<unknown>} call
 * @property {number} calls number of calls awaited per iteration
 * @property {string} [against] name of the row in the same group that this row is compared with
 * @property {import('./targets.mjs').Target} [target] target for the ratio to that row
 * @property {(work: () => Promise<unknown>) => Promise<unknown>} [around] the scope of an iteration
 */

const callsOfOne = 1_000;
const items = Array.from({ length: 1_000 }, (_, index) => index);

const plain = new Orchestrator({ name: 'plain' });
const hooked = new Orchestrator({ name: 'hooked' }).onTaskBegin(keep).onTaskCompletion(keep);

/** The hook of all rows, including the floor. It keeps its event, so that the engine cannot optimise the event away. */
const kept = { event: undefined };
function keep(event) {
  kept.event = event;
}

/** Measures inside an open run of each orchestrator, and inside the scope of the floor. */
export function insideScopes(measure) {
  return insideFloor(() => hooked.run(() => plain.run(measure)));
}

/** @returns {readonly Row[]} */
export function allRows() {
  return [...singleCalls(), ...manyCalls('1,000 actions', plain.action(add)), ...manyCalls('1,000 functions', add)];
}

async function add(left, right = 1) {
  return left + right;
}

function singleCalls() {
  const retry = { retries, minTimeout };
  const timeout = milliseconds;
  const { signal } = new AbortController();
  const rows = {
    'no policy, no hooks': [
      { name: 'bare async call', call: add },
      { name: 'floor', call: floor(add, [], []), against: 'bare async call' },
      { name: 'action', call: plain.action(add), against: 'floor', target: { atMost: 1.5 } },
      {
        name: 'action with share, of a kept result',
        call: plain.action(add, { share: { ttl: Infinity, key: (left) => left } }),
        against: 'action',
        target: { atMost: 1 },
      },
      {
        name: 'action, run with a signal',
        call: plain.action(add),
        around: (work) => plain.run(work, { signal }),
        against: 'floor',
      },
    ],
    'one begin and one completion hook': [
      { name: 'floor with hooks', call: floor(add, [keep], [keep]) },
      { name: 'action with hooks', call: hooked.action(add), against: 'floor with hooks', target: { atMost: 1.5 } },
    ],
    retry: [
      { name: 'action with retry', call: plain.action(add, { retry }) },
      { name: 'p-retry', call: withPRetry(add), against: 'action with retry', target: { atLeast: 10 } },
      { name: 'p-retry without options', call: withBarePRetry(add), against: 'action with retry' },
    ],
    timeout: [
      { name: 'action with timeout', call: plain.action(add, { timeout }) },
      { name: 'p-timeout', call: withPTimeout(add), against: 'action with timeout' },
    ],
    'limit with room': [
      { name: 'action with a limit', call: plain.action(add, { limit: { concurrency: limits.concurrency } }) },
      { name: 'action with concurrency and rate', call: plain.action(add, { limit: limits }) },
      { name: 'p-limit', call: withPLimit(add), against: 'action with a limit', target: { above: 1 } },
      { name: 'p-queue', call: withPQueue(add), against: 'action with concurrency and rate', target: { above: 1 } },
    ],
    'retry and timeout': [
      { name: 'action with both', call: plain.action(add, { retry, timeout }) },
      {
        name: 'p-retry around p-timeout',
        call: withPRetryAndPTimeout(add),
        against: 'action with both',
        target: { atLeast: 4 },
      },
      { name: 'cockatiel', call: withCockatiel(add), against: 'action with both', target: { above: 1 } },
      { name: 'Effect', call: withEffect(add), against: 'action with both', target: { above: 1 } },
    ],
  };
  return Object.entries(rows).flatMap(([group, members]) =>
    members.map((row) => ({ ...row, group, calls: callsOfOne })),
  );
}

/** Rows that call `action` once per item. Targets apply to actions; bare functions are for comparison. */
function manyCalls(group, action) {
  const target = action === add ? undefined : { atMost: 2 };
  const closures = items.map((item) => () => action(item));
  const parallel = plain.parallel(closures);
  const rows = [
    { name: 'Promise.all', call: () => Promise.all(items.map((item) => action(item))), against: 'p-map' },
    { name: 'p-map', call: () => pMap(items, (item) => action(item)) },
    { name: 'p-all', call: () => pAll(closures), against: 'p-map' },
    { name: 'orchestrator.parallel', call: () => parallel(), against: 'p-map', target },
    { name: 'orchestrator.map', call: () => plain.map(items, action), against: 'p-map', target },
  ];
  return rows.map((row) => ({ ...row, group, calls: 1 }));
}
