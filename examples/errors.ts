// `onError` sees each error once, where it comes from, however far it goes. `off` removes a hook again.
import assert from 'node:assert/strict';
import { type FailureEvent, Orchestrator } from 'orchestrator';

const lines: string[] = [];
const log = ({ kind, name, error, cause, attempts }: FailureEvent) => {
  const because = cause instanceof Error ? `, because ${cause.message}` : '';
  lines.push(`${kind} ${name}: ${error.message}${because} (${attempts})`);
};

const orchestrator = new Orchestrator({ name: 'nightly' }).onError(log);

const connect = orchestrator.action(
  'connect',
  async () => {
    throw new Error('no route');
  },
  { retry: { retries: 2, minTimeout: 1 } },
);
const fetchUser = orchestrator.action('fetchUser', async (id: string) => {
  try {
    return await connect();
  } catch (cause) {
    throw new Error(`no user ${id}`, { cause });
  }
});
const loadPage = orchestrator.action('loadPage', (id: string) => fetchUser(id));

// The error of `fetchUser` fails `loadPage` and the process, too. It is the same error, so it is reported once.
await assert.rejects(
  orchestrator.run(() => loadPage('42')),
  { message: 'no user 42' },
);
console.log(lines.join('\n'));
assert.deepEqual(lines, ['task connect: no route (3)', 'task fetchUser: no user 42, because no route (1)']);

orchestrator.off(log);
await assert.rejects(loadPage('43'));
assert.equal(lines.length, 2);
