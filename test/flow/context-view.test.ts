import { DefaultSerializer, SerializationError } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import type { Source } from '../../src/flow/run/changes.js';
import { ContextView } from '../../src/flow/run/context-view.js';
import { Codec } from '../../src/shared/codec.js';

const codec = new Codec(new DefaultSerializer());

/** The committed context, as texts. */
class Committed implements Source {
  readonly texts = new Map<string, string>();

  constructor(values: Readonly<Record<string, unknown>>) {
    for (const [key, value] of Object.entries(values)) this.texts.set(key, codec.encode(value));
  }

  find(key: string) {
    const text = this.texts.get(key);
    return text === undefined ? undefined : { text, read: () => codec.decode(text) };
  }

  keys() {
    return this.texts.keys();
  }
}

function viewOf(values: Readonly<Record<string, unknown>>) {
  const committed = new Committed(values);
  const view = new ContextView(committed, codec);
  return { committed, view, context: view.context };
}

describe('a view of the context', () => {
  it('stays extensible, and keeps its prototype', () => {
    const { context } = viewOf({ a: 1 });
    expect(Reflect.preventExtensions(context)).toBe(false);
    expect(Reflect.setPrototypeOf(context, Array.prototype)).toBe(false);
    expect(Reflect.isExtensible(context)).toBe(true);
  });

  it('shows its present state to views that lie on it: changed, unchanged and removed keys', () => {
    const { view, context } = viewOf({ same: [1], changed: [1], gone: 1 });
    (context.changed as number[]).push(2);
    expect(context.same).toEqual([1]);
    delete context.gone;
    expect(view.find('same')?.read()).toEqual([1]);
    expect(view.find('changed')?.read()).toEqual([1, 2]);
    expect(view.find('gone')).toBeUndefined();
    expect(view.peek('changed')).toEqual([1, 2]);
    expect(viewOf({ unread: 1 }).view.peek('unread')).toBe(1);
    expect(viewOf({}).view.peek('absent')).toBeUndefined();
  });

  it('counts taken changes as unchanged, and reads other keys again', () => {
    const { view, context, committed } = viewOf({ read: 1, removed: 1 });
    expect(context.read).toBe(1);
    context.set = 'new';
    delete context.removed;
    const changes = view.changes();
    expect(changes).toMatchObject({ set: { set: codec.encode('new') }, removed: ['removed'] });
    expect(view.take(changes)).toEqual(['set', 'removed']);
    expect(view.changes()).toEqual({});
    committed.texts.set('read', codec.encode(2));
    expect(context.read).toBe(2);
    expect(view.take({})).toEqual([]);
  });

  it('reads a committed key again, unless the key was changed here since', () => {
    const { view, context, committed } = viewOf({ read: 1, changed: 1, gone: 1 });
    expect(context.read).toBe(1);
    context.changed = 2;
    delete context.gone;
    expect(context.absent).toBeUndefined();
    for (const key of ['read', 'changed', 'gone', 'absent']) committed.texts.set(key, codec.encode('committed'));
    for (const key of ['read', 'changed', 'gone', 'absent', 'never looked at']) view.refresh(key);
    expect({ ...context }).toEqual({ read: 'committed', changed: 2, absent: 'committed' });
    context.read = () => 'what cannot be saved';
    expect(() => view.refresh('read')).not.toThrow();
    expect(context.read).toBeTypeOf('function');
  });

  it('counts taken changes as changes again if their commit fails', () => {
    const { view, context } = viewOf({ old: 1 });
    context.old = 2;
    context.fresh = 3;
    view.take(view.changes());
    view.rebase('old');
    view.rebase('fresh');
    expect(view.changes().set).toEqual({ old: codec.encode(2), fresh: codec.encode(3) });
  });

  it('drops only the changes that cannot be saved', () => {
    const { view, context } = viewOf({ committed: 1, gone: 1 });
    context.kept = 1;
    context.broken = () => 1;
    delete context.gone;
    Object.assign(context, { [Symbol('no text')]: 1 });
    expect(() => view.changes()).toThrow(SerializationError);
    view.forgetUnsavable();
    expect(view.changes()).toMatchObject({ set: { kept: codec.encode(1) }, removed: ['gone'] });
    expect('broken' in context).toBe(false);
  });

  it('takes over the changes of a view that lies on it, including symbol keys', () => {
    const { view, context } = viewOf({ a: 1, b: 1 });
    const layer = view.layer();
    const mark = Symbol('mark');
    layer.context.a = 2;
    delete layer.context.b;
    Object.assign(layer.context, { [mark]: 'here' });
    view.absorb(layer);
    expect(context).toMatchObject({ a: 2, [mark]: 'here' });
    expect('b' in context).toBe(false);
  });
});
