import { Orchestrator, ValidationError } from 'orchestrator';
import { again, DurableFunction, idempotencyKey, memoryJournal, patched, step } from 'orchestrator/durable';
import { replay } from 'orchestrator/durable/testing';
import { describe, expect, it, vi } from 'vitest';
import { rejection } from '../support.js';
import { mortal } from './support.js';

const none = undefined as never;

/** Expects a rejection with a `ValidationError` of the given message. */
async function refused(promise: Promise<unknown>, message: string | RegExp): Promise<void> {
  const error = await rejection(promise);
  expect(error).toBeInstanceOf(ValidationError);
  if (typeof message === 'string') expect(error).toHaveProperty('message', message);
  else expect(error).toHaveProperty('message', expect.stringMatching(message));
}

describe('arguments that are missing or wrong are refused by their names', () => {
  const journal = memoryJournal();
  const fn = vi.fn();
  const order = new DurableFunction('order', fn);

  it('options of a DurableFunction', async () => {
    for (const begin of ['run', 'start'] as const) {
      await refused(order[begin](undefined, none), 'options must be an object, got undefined');
      await refused(order[begin](undefined, { journal } as never), /^id must be a non-empty string .*, got undefined$/);
      await refused(order[begin](undefined, { id: 'a' } as never), 'journal must be a Journal, got undefined');
    }
    await refused(order.recover(none), 'journal must be a Journal, got undefined');
    expect(fn).not.toHaveBeenCalled();
  });

  it('arguments of replay', async () => {
    await refused(replay(none, order), 'journal must be a Journal, got undefined');
    await refused(replay(journal, none), 'fn must be a DurableFunction, got undefined');
  });

  it('conditions of journal.list', async () => {
    await refused(journal.list('failed' as never), 'query must be an object, got String');
    await refused(journal.list({ stats: 'failed' } as never), /^query\.stats is unknown, expected name, status\b/);
    await refused(
      journal.list({ status: 'x' as never }),
      'query.status must be running, completed, failed or cancelled, got String',
    );
    await refused(journal.list({ name: '' }), /^query\.name must be a non-empty string/);
    expect(await journal.list({ name: 'order', status: undefined })).toEqual([]);
  });

  it('names that not every store can hold', async () => {
    const { live } = mortal();
    for (const name of ['\ud800', 'a\0b']) {
      await refused(
        live(() => patched(name)),
        /^change must be a non-empty string without half surrogates and NUL/,
      );
      await refused(new Orchestrator().run(fn, { id: 'a', name, journal }), /^name must be/);
      expect(() => new DurableFunction(name, fn)).toThrow(ValidationError);
      expect(() => new DurableFunction('a', fn, { version: name })).toThrow(ValidationError);
    }
  });
});

describe('actions that a run cannot record as they are', () => {
  it('a key that is a promise, which would be the same for all calls', async () => {
    for (const key of [async (n: number) => n, () => Promise.reject(new Error('no'))]) {
      const { action, live, called } = mortal();
      const work = action('work', (n: number) => n, { key });
      await refused(
        live(() => work(1)),
        'key of "work" must return a value, got a promise: return a part of the arguments, without await',
      );
      expect(called()).toEqual([]);
    }
  });

  it('idempotencyKey in an action with share, whose work belongs to several calls', async () => {
    for (const share of [true, 'run', 60_000] as const) {
      const { action, live } = mortal();
      const charge = action('charge', (_: number) => idempotencyKey(), { share });
      await refused(
        live(() => charge(1)),
        /The work of an action with share belongs to no single call: pass it a key as an argument, or leave share out$/,
      );
    }
  });
});

describe('again', () => {
  it('is refused outside the function of a run with a journal', async () => {
    expect(() => again(1)).toThrow(/^again\(\) must be called by the function of a run with a journal/);
    await refused(
      new Orchestrator().run(() => again(1)),
      /^again\(\) must be called by the function/,
    );
    const { live } = mortal();
    await refused(
      live(() => step('inside', () => again(1))),
      /^again\(\) must be called by the function/,
    );
  });

  it('fails the run if its value is not returned', async () => {
    const { live, status } = mortal();
    const message = /^again\(\) begins the run anew only if .*: write "return again\(\.\.\.\)"$/;
    let isMended = false;
    let round = 0;
    const script = async () => {
      await step('a', () => 1);
      if (round++ > 2) return 'ended';
      const anew = again();
      return isMended ? anew : 'other';
    };
    await refused(live(script), message);
    expect(await status()).toBe('failed');
    isMended = true;
    expect(await live(script)).toBe('ended');
  });

  it('fails the run if only a member of a group returns it', async () => {
    const { live, orchestrator } = mortal();
    await refused(
      live(() => orchestrator.map([1], () => again(1))),
      /^again\(\) begins the run anew only if/,
    );
  });
});
