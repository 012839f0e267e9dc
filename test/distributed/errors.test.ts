import { inspect } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import { EngineError } from 'orchestrator/distributed';
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
