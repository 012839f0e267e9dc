import {
  type DistributedOrchestrator,
  isFinished,
  type RunFilter,
  type RunInfo,
  type RunPage,
  type RunStatus,
} from '../../../../distributed/index.js';
import { formatDuration } from '../../../../shared/durations.js';
import { jsonOf } from '../../../output/json.js';
import { styleOf } from '../../../output/statuses.js';
import { writeTable } from '../../../output/table.js';
import { oneLine } from '../../../output/text.js';
import { agoOf } from '../../../output/times.js';
import type { Session } from '../../../session.js';
import type { EngineFlags } from '../../../setup/engine.js';
import { type Fleet, incompleteOf, withFleet } from '../../../setup/fleet.js';
import { type RevealFlags, type RunRedactor, redactorOf } from '../../../setup/redaction.js';

interface ListFlags extends EngineFlags, RevealFlags {
  readonly status?: readonly RunStatus[];
  readonly workflow?: string;
  readonly text?: string;
  readonly since?: number;
  readonly until?: number;
  readonly oldest?: boolean;
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: boolean;
  readonly ids?: boolean;
  readonly json?: boolean;
  readonly jsonLines?: boolean;
}

const longestPage = 1_000;

/** Lists runs. */
export function list(session: Session, flags: ListFlags): Promise<void> {
  return withFleet(session, flags, (fleet) => listIn(session, fleet, flags));
}

async function listIn(session: Session, { orchestrator, found }: Fleet, flags: ListFlags): Promise<void> {
  const { stdout, stderr } = session;
  if (flags.ids === true && flags.json !== true) {
    for await (const { runs } of pages(session, orchestrator, flags)) {
      // Ids are written unchanged for other programs, except for line breaks, which would end their line.
      for (const { runId } of runs) stdout.line(stdout.isTerminal ? oneLine(runId) : runId.replaceAll('\n', '\\n'));
      await stdout.drained();
    }
    return;
  }
  const redact = redactorOf(found, flags);
  if (flags.json === true || flags.jsonLines === true) {
    return writeJson(
      session,
      pages(session, orchestrator, flags),
      redact,
      flags.jsonLines === true ? 'lines' : 'document',
    );
  }
  const runs: Summary[] = [];
  let cursor: string | undefined;
  for await (const page of pages(session, orchestrator, flags)) {
    runs.push(...page.runs.map((run) => summaryOf(run, redact)));
    cursor = page.cursor;
  }
  if (runs.length === 0) return stderr.line('no runs');
  writeRuns(session, runs);
  if (cursor !== undefined) stderr.line(stderr.styled('dim', `more: --cursor ${cursor}, or --all`));
}

async function* pages(
  session: Session,
  orchestrator: DistributedOrchestrator,
  flags: ListFlags,
): AsyncGenerator<RunPage> {
  const { status, workflow, text, since: after, until: before, oldest, all } = flags;
  const filter: RunFilter = { status, workflow, text, after, before, order: oldest === true ? 'oldest' : 'newest' };
  let left = flags.limit ?? (all === true ? Infinity : 50);
  let cursor = flags.cursor;
  do {
    const limit = Math.min(left, longestPage);
    const page = await orchestrator.listRuns({ ...filter, limit, cursor }, { onError: incompleteOf(session) });
    yield page;
    left -= page.runs.length;
    cursor = page.cursor;
  } while (cursor !== undefined && left > 0);
}

/**
 * Writes each page as soon as it has been read, and reads no faster than the output is consumed, so that all runs do
 * not have to fit into memory.
 */
async function writeJson(
  { stdout }: Session,
  found: AsyncIterable<RunPage>,
  redact: RunRedactor,
  form: 'lines' | 'document',
): Promise<void> {
  let cursor: string | undefined;
  let separator = '{\n  "runs": [';
  for await (const page of found) {
    cursor = page.cursor;
    for (const run of page.runs) {
      const summary = summaryOf(run, redact);
      if (form === 'lines') stdout.jsonLine(summary);
      else stdout.text(`${separator}\n${indented(jsonOf(summary, 2))}`);
      separator = ',';
    }
    await stdout.drained();
  }
  if (form === 'lines') return;
  const head = separator === ',' ? '\n  ]' : '{\n  "runs": []';
  stdout.line(`${head}${cursor === undefined ? '' : `,\n  "cursor": ${jsonOf(cursor)}`}\n}`);
}

function indented(text: string): string {
  return text.replace(/^/gm, '    ');
}

type Summary = Omit<RunInfo, 'output' | 'retention'>;

/** A run without its output, which only `runs show` writes, and without secrets. */
function summaryOf({ output: _output, retention: _retention, ...summary }: RunInfo, redact: RunRedactor): Summary {
  return summary.error === undefined ? summary : { ...summary, error: redact.text(summary.error) };
}

function writeRuns({ stdout }: Session, runs: readonly Summary[]): void {
  const now = Date.now();
  const hasErrors = runs.some(({ error }) => error !== undefined);
  writeTable(stdout, runs, [
    { title: 'RUN', value: ({ runId }) => runId, least: 12 },
    { title: 'WORKFLOW', value: ({ workflow }) => workflow, least: 10 },
    { title: 'STATUS', value: ({ status }) => status, style: ({ status }) => styleOf(status) },
    { title: 'CREATED', value: ({ createdAt }) => agoOf(createdAt, now), align: 'right' },
    { title: 'TOOK', value: (run) => tookOf(run, now), align: 'right' },
    ...(hasErrors ? [{ title: 'ERROR', value: ({ error }: Summary) => error, least: 10 }] : []),
  ]);
}

/** The time from the start of a run to its end, or until now. */
function tookOf({ status, startAt, finishedAt }: Summary, now: number): string {
  if (status === 'scheduled') return '';
  return formatDuration((isFinished(status) ? (finishedAt ?? now) : now) - startAt);
}
