import { type NodeView, type RunDetail, segmentOf } from '../../../../dashboard/api/index.js';
import { createDashboard } from '../../../../dashboard/index.js';
import { formatDuration } from '../../../../shared/durations.js';
import { coloured, styleOf } from '../../../output/statuses.js';
import { writeFields, writeTable } from '../../../output/table.js';
import { harmless, oneLine, versionText } from '../../../output/text.js';
import { agoOf, clockOf, timeOf } from '../../../output/times.js';
import type { Session } from '../../../session.js';
import { Api } from '../../../setup/api.js';
import type { EngineFlags } from '../../../setup/engine.js';
import { type Fleet, withFleet } from '../../../setup/fleet.js';
import type { RevealFlags } from '../../../setup/redaction.js';

interface ShowFlags extends EngineFlags, RevealFlags {
  readonly attempts?: boolean;
  readonly json?: boolean;
}

/** Shows a run. */
export function show(session: Session, runId: string, flags: ShowFlags): Promise<void> {
  return withFleet(session, flags, async (fleet) => {
    const detail = await detailOf(fleet, runId, flags);
    if (flags.json === true) session.stdout.json(detail);
    else write(session, detail, flags);
  });
}

/** Reads the dashboard's view of a run directly, without a server. */
export async function detailOf({ orchestrator, found }: Fleet, runId: string, flags: RevealFlags): Promise<RunDetail> {
  const redact = flags.reveal === true ? false : found.config.dashboard?.redact;
  const dashboard = createDashboard({ distributed: orchestrator, redact, actions: false });
  try {
    const api = new Api((request) => dashboard.fetch(request), new URL('http://localhost/'), undefined);
    return await api.get<RunDetail>(`runs/${segmentOf(runId)}`, 'run');
  } finally {
    await dashboard.close();
  }
}

function write(session: Session, detail: RunDetail, flags: ShowFlags): void {
  const { stdout } = session;
  writeHead(session, detail);
  if (detail.graph !== undefined) {
    stdout.line();
    writeNodes(session, detail.graph.nodes, detail.time);
  }
  if (flags.attempts === true && detail.attempts.length > 0) {
    stdout.line();
    writeAttempts(session, detail);
  }
  if (detail.output !== undefined) {
    stdout.line();
    stdout.line(stdout.styled('dim', 'output'));
    stdout.line(harmless(detail.output.text) + (detail.output.isTruncated ? '…' : ''));
  }
}

function writeHead({ stdout }: Session, { run, time, awaiting, expects = {} }: RunDetail): void {
  const waits = awaiting.map((event) => {
    const expected = Object.hasOwn(expects, event) ? ` ${stdout.styled('dim', oneLine(expects[event] as string))}` : '';
    return oneLine(event) + expected;
  });
  const { runId, workflow, version, status, priority, createdAt, startAt, finishedAt, deadline, error } = run;
  const took = status === 'scheduled' ? undefined : formatDuration((finishedAt ?? time) - startAt);
  writeFields(stdout, [
    ['run', oneLine(runId)],
    ['workflow', `${oneLine(workflow)} ${stdout.styled('dim', `version ${versionText(version)}`)}`],
    ['status', coloured(stdout, status)],
    ['error', error === undefined ? undefined : stdout.styled('red', oneLine(error))],
    ['created', `${timeOf(createdAt)} ${stdout.styled('dim', agoOf(createdAt, time))}`],
    ['starts', status === 'scheduled' ? `${timeOf(startAt)} ${stdout.styled('dim', agoOf(startAt, time))}` : undefined],
    ['took', took],
    [
      'deadline',
      deadline === undefined ? undefined : `${timeOf(deadline)} ${stdout.styled('dim', agoOf(deadline, time))}`,
    ],
    ['priority', priority === 0 ? undefined : String(priority)],
    ['waits for', waits.length === 0 ? undefined : waits.join(', ')],
  ]);
}

function writeNodes({ stdout }: Session, nodes: readonly NodeView[], time: number): void {
  const took = ({ duration, since }: NodeView) => duration + (since === undefined ? 0 : Math.max(0, time - since));
  writeTable(stdout, nodes, [
    { title: 'NODE', value: ({ id }) => id, least: 12 },
    { title: 'STATUS', value: ({ status }) => status, style: ({ status }) => styleOf(status) },
    { title: 'ATTEMPTS', value: ({ attempts }) => (attempts === 0 ? '' : attempts), align: 'right' },
    { title: 'TOOK', value: (node) => (node.attempts === 0 ? '' : formatDuration(took(node))), align: 'right' },
  ]);
}

function writeAttempts({ stdout }: Session, { attempts }: RunDetail): void {
  const hasErrors = attempts.some(({ error }) => error !== undefined);
  writeTable(stdout, attempts, [
    { title: 'STARTED', value: ({ startedAt }) => clockOf(startedAt) },
    { title: 'NODE', value: ({ nodeId }) => nodeId, least: 12 },
    { title: 'ATTEMPT', value: ({ attempt }) => attempt, align: 'right' },
    { title: 'STATUS', value: ({ status }) => status, style: ({ status }) => styleOf(status) },
    {
      title: 'TOOK',
      value: ({ duration }) => (duration === undefined ? '' : formatDuration(duration)),
      align: 'right',
    },
    { title: 'WORKER', value: ({ workerId }) => workerId, least: 8 },
    ...(hasErrors
      ? [{ title: 'ERROR', value: ({ error }: (typeof attempts)[number]) => error?.message, least: 10 }]
      : []),
  ]);
}
