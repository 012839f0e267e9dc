// A test with Node's own runner: fakes stand in for the functions of actions, with their retries and hooks, and time
// passes only when the test says so. The same works in vitest (`vi.fn`, `vi.useFakeTimers`) and in jest.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Orchestrator } from 'orchestrator';
import { record, stub } from 'orchestrator/testing';

// The code under test.
const orchestrator = new Orchestrator({ retry: { retries: 3, minTimeout: 1_000 } });
const api = orchestrator.actions({
  fetchUser: async (id: string): Promise<{ name: string }> => {
    throw new Error(`no network in tests, for user ${id}`);
  },
});
const greet = async (id: string) => `Hello ${(await api.fetchUser(id)).name}`;

test('greets the user', async () => {
  using _ = stub(api, { fetchUser: () => ({ name: 'Ada' }) });
  assert.equal(await greet('42'), 'Hello Ada');
});

test('tries again after one second and after two', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  let failures = 2;
  const fake = mock.fn(async (_id: string) => {
    if (failures-- > 0) throw new Error('busy');
    return { name: 'Ada' };
  });
  using _ = stub(api.fetchUser, fake);
  using recording = record(orchestrator);

  const pending = greet('42');
  for (const delay of [1_000, 2_000]) {
    await idle();
    mock.timers.tick(delay);
  }
  assert.equal(await pending, 'Hello Ada');
  const [task] = recording.tasks;
  assert.deepEqual([task?.name, task?.args, task?.status, task?.attempts], ['fetchUser', ['42'], 'completed', 3]);
  assert.deepEqual(
    fake.mock.calls.map((call) => call.arguments),
    [['42'], ['42'], ['42']],
  );
  mock.timers.reset();
});

test('is undone at the end of each test', async () => {
  await assert.rejects(orchestrator.withOptions(api.fetchUser, { retry: 0 })('42'), /no network/);
});

/** Lets everything run that waits for no timer. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
