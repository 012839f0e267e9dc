import { WorkflowState } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import { stateOf } from '../../src/flow/run/state.js';

const throwing = new Proxy(
  {},
  { get: fail, has: fail, isExtensible: fail, defineProperty: fail, preventExtensions: fail },
);

function fail(): never {
  throw new Error('a trap was called');
}

it.each([
  ['plain', {}],
  ['without prototype', Object.create(null)],
  ['frozen', Object.freeze({ a: 1 })],
  ['with traps that throw', throwing],
])('a context that is %s leads to the latest state that was made of it', (_, context) => {
  const first = new WorkflowState(context, { runId: 'first' });
  expect(stateOf(context)).toBe(first);
  const second = new WorkflowState(context, { runId: 'second' });
  expect(stateOf(context)).toBe(second);
  expect(first.runId).toBe('first');
});

it('a context that is missing gets an empty state', () => {
  expect(stateOf(undefined as never, 'new').getContext()).toEqual({});
});

it('a context that no state was made of gets a new one, and so does a copy', () => {
  const context = { a: 1 };
  const state = new WorkflowState(context, { runId: 'known' });
  for (const copy of [{ ...context }, structuredClone(context)]) {
    expect(Object.is(stateOf(copy, 'new'), state)).toBe(false);
    expect(stateOf(copy).runId).not.toBe('known');
  }
  expect(Reflect.ownKeys(context)).toEqual(['a']);
});
