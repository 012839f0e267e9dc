import { ParallelError } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { failureText } from '../../src/kernel/failure-text.js';

/** An error whose stack is its first line, so that texts can be compared. */
function failing(message: string, fields: object = {}): Error {
  const error = Object.assign(new Error(message), fields);
  error.stack = `Error: ${message}`;
  return error;
}

describe('the text of a failure', () => {
  it('is its stack, followed by those of its causes, without other fields', () => {
    const failure = failing('no user', { cause: failing('no route', { secret: 'token' }), secret: 'token' });
    expect(failureText(failure)).toBe('Error: no user\nCaused by: Error: no route');
  });

  it('names the kind of a value that is not an error, and not the value', () => {
    expect(failureText('token')).toBe('a value that is not an error: String');
    expect(failureText(failing('no user', { cause: { token: 1 } }))).toBe(
      'Error: no user\nCaused by: a value that is not an error: Object',
    );
    expect(failureText(undefined)).toBe('');
  });

  it('lists the failures of an aggregate, up to nine of them', () => {
    const errors = Array.from({ length: 11 }, (_, index) => failing(`e${index}`));
    const lines = failureText(failing('several', { errors })).split('\n');
    expect(lines).toEqual([
      'Error: several',
      ...errors.slice(0, 9).map(({ message }) => `  - Error: ${message}`),
      '  - and 2 more',
    ]);
    expect(failureText(failing('one', { errors: ['token'] }))).toBe(
      'Error: one\n  - a value that is not an error: String',
    );
    expect(failureText(new ParallelError([failing('no user')], [{ status: 'rejected' }]))).toContain('no user');
  });

  it('ends with a cause that was seen before, after five causes, and with fields that cannot be read', () => {
    const circular = failing('circle');
    circular.cause = circular;
    expect(failureText(circular)).toBe('Error: circle');
    let deep = failing('0');
    for (let depth = 1; depth < 10; depth++) deep = failing(String(depth), { cause: deep });
    expect(failureText(deep).split('\n')).toHaveLength(6);
    const odd = new Proxy(failing('odd'), {
      get(target, key) {
        if (key === 'cause') throw new Error('unreadable');
        return Reflect.get(target, key);
      },
    });
    expect(failureText(odd)).toBe('Error: odd');
  });
});
