import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { done, Loop } from 'orchestrator/loops';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { workflow } from './support.js';

function sink() {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, callback) {
      lines.push(String(chunk));
      callback();
    },
  });
  return { lines, stream };
}

/** A loop whose node fails once, recovers, and then ends the loop. */
function failing(): Loop {
  let calls = 0;
  return new Loop('save', { schedule: { every: 5 } })
    .producer('next', () => (++calls <= 3 ? calls : done))
    .blocking('write', (value: number) => {
      if (value === 1) throw new RangeError('no 1', { cause: new TypeError('the cause') });
    })
    .blocking(
      'check',
      (value: unknown) => {
        if (value === undefined && calls === 3) throw Object.assign(new Error('no more'), { code: 'ERR_NO_MORE' });
      },
      { onError: 'stop' },
    );
}

describe('a workflow that logs', () => {
  it('to pino writes errors with message, stack and cause, states of nodes, and the error that ended a loop', async () => {
    const { lines, stream } = sink();
    const orchestrator = workflow({ loops: [failing()] }, { logger: pino({ base: null, timestamp: false }, stream) });
    await orchestrator.start();
    await orchestrator.ended();
    const logged = lines.map((line) => JSON.parse(line));
    const [info, warn, error] = [30, 40, 50];
    const of = (msg: string) => logged.filter((line) => line.msg === msg);
    expect(of('node "write" of loop "save" has failed')).toEqual([
      {
        level: error,
        msg: expect.any(String),
        loopId: 'save',
        nodeId: 'write',
        iteration: 1,
        err: expect.objectContaining({
          type: 'RangeError',
          message: expect.stringContaining('no 1'),
          stack: expect.stringContaining('the cause'),
        }),
      },
    ]);
    expect(of('node "write" of loop "save" is failing')).toMatchObject([{ level: warn, state: 'failing' }]);
    expect(of('node "write" of loop "save" is healthy')).toMatchObject([{ level: info, state: 'healthy' }]);
    expect(of('loop "save" is error')).toMatchObject([
      { level: error, loopId: 'save', state: 'error', err: { message: 'no more', code: 'ERR_NO_MORE' } },
    ]);
    expect(of('loop "save" is running')).toEqual([
      { level: info, msg: expect.any(String), loopId: 'save', state: 'running' },
    ]);
  });

  it('to the console writes the message first, and the error with its stack', async () => {
    const [out, err] = [sink(), sink()];
    const orchestrator = workflow({ loops: [failing()] }, { logger: new Console(out.stream, err.stream) });
    await orchestrator.start();
    await orchestrator.ended();
    expect(out.lines.join('')).toMatch(/^loop "save" is starting \{ loopId: 'save', state: 'starting' \}$/m);
    expect(err.lines.join('')).toMatch(/^node "write" of loop "save" has failed \{[\s\S]*RangeError: no 1\n {2,}at /m);
    expect(err.lines.join('')).toMatch(/^loop "save" is error \{[\s\S]*Error: no more[\s\S]*ERR_NO_MORE/m);
  });
});
