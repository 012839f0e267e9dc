import type { WorkerHealth } from '../../../distributed/index.js';
import { formatDuration } from '../../../shared/durations.js';
import { writeTable } from '../../output/table.js';
import { versionText } from '../../output/text.js';
import type { Session } from '../../session.js';
import type { EngineFlags } from '../../setup/engine.js';
import { incompleteOf, withFleet } from '../../setup/fleet.js';

interface WorkersFlags extends EngineFlags {
  readonly alive?: boolean;
  readonly json?: boolean;
}

/** Lists the workers of an engine. */
export function workers(session: Session, flags: WorkersFlags): Promise<void> {
  return withFleet(session, flags, async ({ orchestrator }) => {
    const all = await orchestrator.listWorkerHealth({ onError: incompleteOf(session) });
    const listed = flags.alive === true ? all.filter(({ alive }) => alive) : all;
    if (flags.json === true) session.stdout.json({ workers: listed });
    else if (listed.length === 0) session.stderr.line('no workers');
    else write(session, listed);
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
