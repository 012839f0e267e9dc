import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

it("works with Node's test runner, its mocks and its timers", async () => {
  const file = fileURLToPath(new URL('fixtures/node-test.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', '--test', '--test-reporter=tap', file], {
    cwd: root,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  expect([code, errors]).toEqual([0, '']);
  expect(output).toMatch(/^# pass 4$/m);
});
