import { inspect } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import { DistributedWorker, EngineError, memory } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import { rejection } from '../support.js';

const secret = 'card 4111';

it('an error of an engine shows neither the statement of its driver nor the values in it', async () => {
  const database = new PGlite();
  const refused = (await rejection(database.query('SELECT $1::int', [secret]))) as Error & { params: unknown };
  await database.close();
  refused.message = 'invalid input syntax';
  const command = { name: 'evalsha', args: [secret] };
  const replied = Object.assign(new Error('WRONGTYPE'), { command });
  const cause = new AggregateError([replied], 'both have failed', { cause: refused });
  const error = new EngineError('redis', 'has refused a statement', { cause });
  for (const text of [inspect(error, { depth: 10 }), JSON.stringify([refused, replied, cause])]) {
    expect(text).not.toContain(secret);
  }
  expect([refused.params, replied.command]).toEqual([[secret], command]);
});

it('an error of an engine takes causes of any kind', () => {
  const frozen = Object.freeze(Object.assign(new Error('frozen'), { query: 1 }));
  for (const cause of [frozen, undefined, null, 'text', { command: 1 }]) {
    expect(new EngineError('redis', 'has failed', { cause }).cause).toBe(cause);
  }
});

it('an error of an engine shows neither what was sent to a server, nor the login of an address', () => {
  const replies = [
    "ERR unknown command 'auth', with args beginning with: 'bob' 'hunter2' ",
    'ERR unknown command `evalsha`, with args beginning with: `hunter2`, ',
    'connect ENOENT //bob:hunter2@host:1',
    'connect ENOENT //:hunter2@host:1',
  ];
  for (const text of replies) {
    const inner = Object.assign(new Error(text), { address: '//bob:hunter2@host:1' });
    const frozen = Object.freeze(new Error(text));
    const errors = [
      new EngineError('redis', 'refused the call', { cause: inner }),
      new EngineError('redis', 'has failed', { cause: new AggregateError([new Error(text)], text) }),
      new EngineError('redis', 'has failed', { cause: new Error('behind', { cause: new Error(text) }) }),
    ];
    for (const error of errors) expect(inspect(error, { depth: 10 })).not.toContain('hunter2');
    expect(new EngineError('redis', 'has failed', { cause: frozen }).message).not.toContain('hunter2');
    expect(inner.stack).toContain('errors.test');
  }
});

it('a warning of a worker shows nothing that was sent to a server', async () => {
  const engine = memory();
  const reply = "ERR unknown command 'evalsha', with args beginning with: 'hunter2' ";
  const warned = Object.assign(engine, {
    onWarning: (listener: (warning: Error) => void) => {
      listener(new Error(reply));
      return () => undefined;
    },
  });
  const worker = new DistributedWorker({ engine: warned, workflows: [new Flow('f').node('a', () => 1)] });
  const warnings: Error[] = [];
  worker.on('warning', (warning) => warnings.push(warning));
  await worker.start();
  await worker.stop();
  expect(warnings.map(({ message }) => message)).toEqual(["ERR unknown command 'evalsha'"]);
});
