/** Runs each example in a process of its own. Prints a line each, the output of one that fails, and exits with 1 then. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const folder = import.meta.dirname;
/** An example that is not over by then hangs. */
const limit = 120_000;

const names = (await readdir(folder)).filter((name) => name.endsWith('.ts') && name !== 'run-all.ts').sort();
/** What ends those that would go on. */
const endless = new Map([[join('demo-dashboard', 'main.ts'), ['--seconds', '5']]]);
let failed = 0;
const demos = ['demo', 'demo-flow', 'demo-distributed', 'demo-loops', 'demo-dashboard'].map((demo) =>
  join(demo, 'main.ts'),
);
for (const name of [...names, ...demos]) {
  const began = performance.now();
  const { succeeded, output } = await runExample(join(folder, name), endless.get(name));
  const duration = `${Math.round(performance.now() - began)} ms`.padStart(8);
  console.log(`${succeeded ? 'ok    ' : 'failed'} ${duration}  ${name}`);
  if (succeeded) continue;
  failed++;
  console.log(output.replaceAll(/^/gm, '    '));
}
console.log(failed === 0 ? 'All examples hold.' : `${failed} failed.`);
process.exitCode = failed === 0 ? 0 : 1;

async function runExample(file: string, args: readonly string[] = []): Promise<{ succeeded: boolean; output: string }> {
  // From the root: that is where tsx finds tsconfig.json, which says what 'orchestrator' is here.
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    cwd,
    timeout: limit,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  const end = signal === null ? '' : `ended by ${signal}, perhaps after ${limit} ms\n`;
  return { succeeded: code === 0, output: output + errors + end };
}
