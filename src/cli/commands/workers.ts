import type { Command } from 'commander';
import type { WorkerHealth } from '../../distributed/index.js';
import { formatDuration } from '../../shared/durations.js';
import { documented, withEngine } from '../command.js';
import { writeTable } from '../output/table.js';
import { versionText } from '../output/text.js';
import type { Session } from '../session.js';
import type { EngineFlags } from '../setup/engine.js';
import { withFleet } from '../setup/fleet.js';

interface WorkersFlags extends EngineFlags {
  readonly alive?: boolean;
  readonly json?: boolean;
}

/** `orchestrator workers`: the workers of an engine, as of their last reports. */
export function addWorkers(parent: Command, session: Session): void {
  const command = parent
    .command('workers')
    .summary('list the workers of an engine')
    .description(
      'List the workers of an engine, as of their last reports. Workers that are silent for a day are no longer listed.',
    )
    .option('--alive', 'only workers that are alive');
  withEngine(command).action((flags: WorkersFlags) =>
    withFleet(session, flags, async ({ orchestrator }) => {
      const all = await orchestrator.listWorkerHealth();
      const workers = flags.alive === true ? all.filter(({ alive }) => alive) : all;
      if (flags.json === true) session.stdout.json({ workers });
      else if (workers.length === 0) session.stderr.line('no workers');
      else write(session, workers);
    }),
  );
  documented(command, {
    examples: [
      ['orchestrator workers', 'all workers, with their status and work'],
      ["orchestrator workers --alive --json | jq '.workers | length'", 'how many are alive'],
    ],
    json: `{ workers: { workerId, status, alive, age, concurrency, active, completed, failed, retried, startedAt, host,
  pid, workflows: string[], expectedWithin }[] }   (age, expectedWithin in milliseconds)`,
  });
}

function write({ stdout }: Session, workers: readonly WorkerHealth[]): void {
  const stateOf = ({ alive, status }: WorkerHealth) => (alive ? status : 'silent');
  const styles = { silent: 'red', retrying: 'yellow', 'in-progress': 'cyan' } as const;
  writeTable(stdout, workers, [
    { title: 'WORKER', value: ({ workerId }) => workerId, least: 12 },
    { title: 'STATUS', value: stateOf, style: (worker) => styles[stateOf(worker) as keyof typeof styles] },
    { title: 'SEEN', value: ({ age }) => `${formatDuration(age)} ago`, align: 'right' },
    { title: 'ACTIVE', value: ({ active, concurrency }) => `${active}/${concurrency}`, align: 'right' },
    { title: 'COMPLETED', value: ({ completed }) => completed, align: 'right' },
    { title: 'FAILED', value: ({ failed }) => failed, align: 'right' },
    { title: 'RETRIED', value: ({ retried }) => retried, align: 'right' },
    { title: 'WORKFLOWS', value: ({ workflows }) => workflows.map(versionText).join(', '), least: 10 },
  ]);
}
