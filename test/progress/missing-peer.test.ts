import { Orchestrator } from 'orchestrator';
import { showProgress } from 'orchestrator/progress';
import { expect, it, vi } from 'vitest';
import { Terminal, until } from './support.js';

vi.mock('log-update', () => {
  throw new Error('it does not load here');
});

it('progress in a terminal says why it cannot change lines in place, and writes plain lines', async () => {
  const terminal = new Terminal();
  const progress = showProgress({ stream: terminal, interactive: true, colour: false });
  await until(() => terminal.screen.length > 0);
  expect(terminal.screen).toHaveLength(1);
  await new Orchestrator({ name: 'job' }).run(() => 1);
  expect(terminal.screen.slice(1).join('\n')).toMatch(/▸ job {2}begins\n.+✓ job {2}\d.*s$/);
  progress.stop();

  const quick = showProgress({ stream: terminal, interactive: true, colour: false });
  quick.stop();
  const before = terminal.screen.length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(terminal.screen).toHaveLength(before);
});
