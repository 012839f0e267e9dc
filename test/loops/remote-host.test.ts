import { done, idle, Loop, type Message, type NodeConfig, type Overflow, ProducerNode } from 'orchestrator/loops';
import { describe, expect, it } from 'vitest';
import type { Deed, Down, Up } from '../../src/loops/pools/protocol.js';
import { RemoteHost } from '../../src/loops/pools/remote-host.js';
import { eventually } from '../distributed/servers/eventually.js';
import { deferred } from '../support.js';
import { plan } from './one-loop.js';

/** A `RemoteHost` in this thread. Its messages are cloned, as if they were sent to another thread. */
async function hosted(loop: Loop, overflows: Record<string, Overflow> = { out: 'block' }) {
  const said: Up[] = [];
  const post = (message: Up) => void said.push(structuredClone(message));
  const host = new RemoteHost(plan(loop), { post });
  const say = (message: Down) => host.onMessage(message);
  const find = <Type extends Up['type']>(type: Type) =>
    said.filter((message): message is Extract<Up, { type: Type }> => message.type === type);
  const heard = async <Type extends Up['type']>(type: Type) => {
    await eventually(() => expect(find(type)).not.toEqual([]));
    return find(type)[0] as Extract<Up, { type: Type }>;
  };
  const deeds = () => find('deeds').flatMap((message) => message.deeds);
  const of = <Kind extends Deed[0]>(kind: Kind) =>
    deeds().filter((deed): deed is Extract<Deed, readonly [Kind, ...unknown[]]> => deed[0] === kind);
  const events = <Type extends string>(type: Type) =>
    of('event').flatMap(([, event]) => (event.type === type ? [event] : []));
  const start = async (cursor?: unknown, paused = false) => {
    await heard('prepared');
    say({ type: 'start', cursor, paused, overflows });
    await heard('started');
  };
  return { say, said, find, heard, deeds, of, events, start };
}

const messages = (...values: readonly unknown[]): Message[] =>
  values.map((value, index) => ({ id: index + 1, queue: 'in', value, time: Date.now(), deliveries: 1 }));

describe('the host of a loop in a thread or process', () => {
  it('reports the shape of the loop, and then nothing until it is started', async () => {
    const { heard, said } = await hosted(new Loop('any').read('r', 'in', { batch: 3 }).push('p', 'out'));
    expect(await heard('prepared')).toMatchObject({ shape: { reads: 'in', pushes: ['out'], nodes: ['r', 'p'] } });
    expect(said).toHaveLength(1);
  });

  it('sends the effects of the loop in order, and then its end', async () => {
    class Counting extends ProducerNode<number> {
      #last: number;

      constructor(config: NodeConfig) {
        super(config);
        this.#last = Number(config.cursor.value);
      }

      run() {
        if (this.#last === 3) return done;
        this.config.cursor.save(++this.#last);
        return this.#last;
      }
    }
    const { start, deeds, heard } = await hosted(new Loop('any').node('count', Counting).push('p', 'out'));
    await start(1);
    expect(await heard('ended')).toMatchObject({ reason: 'done', error: undefined, report: { iterations: 2 } });
    expect(deeds().filter(([kind]) => kind !== 'event')).toEqual([
      ['push', 'out', 2],
      ['cursor', 2],
      ['push', 'out', 3],
      ['cursor', 3],
    ]);
  });

  it('lets the loop wait while too many pushes are unconfirmed', async () => {
    let last = 0;
    const { start, of, say, heard } = await hosted(new Loop('any').producer('count', () => ++last).push('p', 'out'));
    await start();
    await eventually(() => expect(of('push')).toHaveLength(1_024));
    say({ type: 'pushed', count: 24, refused: [] });
    await eventually(() => expect(of('push')).toHaveLength(1_048));
    say({ type: 'stop', drain: false });
    say({ type: 'pushed', count: 1_024, refused: [] });
    expect(await heard('ended')).toMatchObject({ reason: 'stopped' });
  });

  it('fails the node whose push is refused', async () => {
    let last = 0;
    const loop = new Loop('any').producer('count', () => (last < 2 ? ++last : idle())).push('p', 'out');
    const { start, of, say, events } = await hosted(loop, { out: 'fail' });
    await start();
    await eventually(() => expect(of('push')).toHaveLength(1));
    say({ type: 'pushed', count: 1, refused: [[0, { name: 'QueueFullError', message: 'full' }]] });
    await eventually(() => expect(of('push')).toHaveLength(2));
    say({ type: 'pushed', count: 1, refused: [] });
    expect(events('failure')).toMatchObject([{ nodeId: 'p', iteration: 1, error: { name: 'QueueFullError' } }]);
    expect(events('dead-letter')).toMatchObject([{ letter: { nodeId: 'p', value: 1 } }]);
    say({ type: 'stop', drain: false });
  });

  it('fails the node that pushes to an unknown queue, or a value that cannot be sent', async () => {
    const values: unknown[] = [{ deep: [() => 1] }];
    const produce = () => (values.length > 0 ? values.pop() : done);
    const functions = await hosted(new Loop('any').producer('give', produce).push('p', 'out'));
    await functions.start();
    await functions.heard('ended');
    expect(functions.events('failure')).toMatchObject([{ error: { message: expect.stringContaining('deep[0]') } }]);
    // The value cannot be sent, but its failure is reported.
    expect(functions.events('dead-letter')).toMatchObject([{ letter: { nodeId: 'p', value: undefined } }]);
    let calls = 0;
    const elsewhere = await hosted(new Loop('any').producer('give', () => (calls++ > 0 ? done : 1)).push('p', 'other'));
    await elsewhere.start();
    await elsewhere.heard('ended');
    expect(elsewhere.events('failure')).toMatchObject([{ error: { name: 'NotFoundError' } }]);
  });

  it('acknowledges messages when their iterations have ended, and ends when there are no more', async () => {
    const seen: unknown[] = [];
    const loop = new Loop('any').read('r', 'in').blocking('see', (value: unknown) => void seen.push(value));
    const { start, say, of, heard } = await hosted(loop);
    await start();
    say({ type: 'messages', messages: messages('a', 'b') });
    await eventually(() =>
      expect(of('ack')).toEqual([
        ['ack', 1],
        ['ack', 2],
      ]),
    );
    say({ type: 'stop', drain: true });
    say({ type: 'drained' });
    expect(await heard('ended')).toMatchObject({ reason: 'drained' });
    expect(seen).toEqual(['a', 'b']);
  });

  it('reports when it is paused, and continues when it is resumed', async () => {
    const seen: unknown[] = [];
    const loop = new Loop('any').read('r', 'in').blocking('see', (value: unknown) => void seen.push(value));
    const { start, say, heard, find } = await hosted(loop);
    await start(undefined, true);
    say({ type: 'messages', messages: messages('a') });
    say({ type: 'pause', id: 7 });
    expect(await heard('paused')).toEqual({ type: 'paused', id: 7 });
    expect([seen, find('report').at(-1)?.report.state]).toEqual([[], 'paused']);
    say({ type: 'resume' });
    await eventually(() => expect(seen).toEqual(['a']));
    say({ type: 'stop', drain: false });
    await heard('ended');
  });

  it('replays values to nodes, and reports an unknown node', async () => {
    const seen: unknown[] = [];
    const loop = new Loop('any').read('r', 'in').blocking('see', (value: unknown) => void seen.push(value));
    const { start, say, events, heard } = await hosted(loop);
    await start();
    say({ type: 'replay', nodeId: 'see', value: 'again' });
    await eventually(() => expect(seen).toEqual(['again']));
    say({ type: 'replay', nodeId: 'nowhere', value: 'again' });
    await eventually(() =>
      expect(events('failure')).toMatchObject([{ nodeId: 'nowhere', error: { code: 'ERR_LOOP_STATE' } }]),
    );
    say({ type: 'stop', drain: false });
    await heard('ended');
  });

  it('interrupts waiting pushes when it is aborted, and acknowledges nothing of their iterations', async () => {
    const gate = deferred();
    const loop = new Loop('any')
      .read('r', 'in')
      .blocking('p', () => gate.promise)
      .push('q', 'out');
    const { start, say, heard, of, events } = await hosted(loop, { out: 'fail' });
    await start();
    say({ type: 'messages', messages: messages('a') });
    gate.resolve();
    await eventually(() => expect(of('push')).toHaveLength(1));
    say({ type: 'abort', reason: { name: 'Error', message: 'enough' } });
    expect(await heard('ended')).toMatchObject({ reason: 'stopped' });
    expect([of('ack'), events('dead-letter')]).toEqual([[], []]);
  });

  it('reports why a loop cannot be set up', async () => {
    class Broken extends ProducerNode {
      override setUp() {
        throw Object.assign(new RangeError('no'), { code: 'E_NO' });
      }

      run() {
        return done;
      }
    }
    const { say, heard } = await hosted(new Loop('any').node('broken', Broken));
    await heard('prepared');
    say({ type: 'start', cursor: undefined, paused: false, overflows: {} });
    expect(await heard('failed')).toMatchObject({ error: { name: 'RangeError', message: 'no', code: 'E_NO' } });
  });

  it('reports the error that ended the loop', async () => {
    const loop = new Loop('any', { onError: 'stop' }).producer('fail', () => Promise.reject(new TypeError('bad')));
    const { start, heard } = await hosted(loop);
    await start();
    expect(await heard('ended')).toMatchObject({ reason: 'error', error: { name: 'TypeError', message: 'bad' } });
  });
});
