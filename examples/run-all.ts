/**
 * Runs each example in a separate process. Prints one line per example and the output of failed ones, and exits with 1
 * if any failed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const folder = import.meta.dirname;
/** Milliseconds after which an example counts as hanging. */
const limit = 120_000;

const names = (await readdir(folder)).filter((name) => name.endsWith('.ts') && name !== 'run-all.ts').sort();
/** Arguments that make endless examples end. */
const endless = new Map([[join('demo-dashboard', 'main.ts'), ['--seconds', '5']]]);
let failed = 0;
const demos = ['demo', 'demo-flow', 'demo-distributed', 'demo-loops', 'demo-durable', 'demo-dashboard'].map((demo) =>
  join(demo, 'main.ts'),
);
for (const name of [...names, ...demos]) {
  const began = performance.now();
  const { succeeded, output } = await runExample(join(folder, name), endless.get(name));
  const duration = `${Math.round(performance.now() - began)} ms`.padStart(8);
  const skipped = succeeded ? /^skipped: .*/m.exec(output)?.[0] : undefined;
  console.log(
    `${succeeded ? 'ok    ' : 'failed'} ${duration}  ${name}${skipped === undefined ? '' : `  (${skipped})`}`,
  );
  if (succeeded) continue;
  failed++;
  console.log(output.replaceAll(/^/gm, '    '));
}
console.log(failed === 0 ? 'All examples hold.' : `${failed} failed.`);
process.exitCode = failed === 0 ? 0 : 1;

async function runExample(file: string, args: readonly string[] = []): Promise<{ succeeded: boolean; output: string }> {
  // tsx must run in the root: its tsconfig.json maps 'orchestrator' to the sources.
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
