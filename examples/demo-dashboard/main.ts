import { once } from 'node:events';
import { parseArgs, styleText } from 'node:util';
import { serveDashboard } from 'orchestrator/dashboard';
import { startFleet } from './fleet.js';
import { createPipeline } from './pipeline.js';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '4300' },
    /**
     * Number of seconds after which the demo checks that runs and loops have made progress, and ends. Default: until
     * Ctrl-C.
     */
    seconds: { type: 'string' },
  },
});
const print = (line = '') => console.log(line);
const { seconds } = values;
const port = seconds === undefined ? Number(values.port) : 0;

const fleet = await startFleet();
const pipeline = createPipeline();
await pipeline.start();
const dashboard = await serveDashboard({
  distributed: fleet.orchestrator,
  loops: pipeline,
  title: 'demo',
  port,
});

print();
print(styleText('bold', '  A fleet and a pipeline, and the dashboard over them'));
print();
print(`  fleet      three workers; orders, refunds and reports come all the time`);
print('  pipeline   sensors ──► readings ──► check ──► checked ──► store, and alarms');
print(
  '  try        approve a refund that waits (signal "approval"), retry one that has failed, pause the loop "store"',
);
print();
print(`  open       ${styleText('underline', `${dashboard.url}#token=${dashboard.token}`)}`);
print();

try {
  if (seconds === undefined) await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  else await check(Number(seconds));
} finally {
  await dashboard.close();
  await pipeline.close({ timeout: 1_000 });
  await fleet.stop();
}

/** Checks that runs have completed and loops have iterated. */
async function check(duration: number): Promise<void> {
  await once(AbortSignal.timeout(duration * 1_000), 'abort');
  const response = await fetch(new URL('api/overview', dashboard.url));
  const { distributed, loops } = (await response.json()) as {
    readonly distributed: { readonly runs: Readonly<Record<string, number>> };
    readonly loops: { readonly iterationsPerSecond: number };
  };
  const { completed = 0 } = distributed.runs;
  const rate = Math.round(loops.iterationsPerSecond);
  print(`  after ${duration} seconds: ${completed} runs are completed, loops make ${rate} iterations a second`);
  if (completed === 0 || rate === 0) throw new Error('nothing moves');
}
