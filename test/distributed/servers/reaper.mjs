// Runs beside the tests, in a session of its own. Its input ends when the process that started it is gone, however that
// ended; what is still noted then was left behind: processes are killed by id, directories removed.
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const noted = { process: new Set(), directory: new Set() };

for await (const line of createInterface({ input: process.stdin })) {
  const { kind, name, gone } = JSON.parse(line);
  if (gone) noted[kind].delete(name);
  else noted[kind].add(name);
}

for (const pid of noted.process) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended.
  }
}
if (noted.directory.size > 0) await sleep(500);
for (const directory of noted.directory) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
