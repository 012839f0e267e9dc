import type { Command } from 'commander';
import {
  type DistributedOrchestrator,
  isFinished,
  type RunFilter,
  type RunInfo,
  type RunPage,
  type RunStatus,
  runStatuses,
} from '../../../distributed/index.js';
import { formatDuration } from '../../../shared/durations.js';
import { choices, documented, time, whole, withEngine } from '../../command.js';
import { jsonOf } from '../../output/json.js';
import { writeTable } from '../../output/table.js';
import { oneLine } from '../../output/text.js';
import { agoOf } from '../../output/times.js';
import type { Session } from '../../session.js';
import type { EngineFlags } from '../../setup/engine.js';
import { type Fleet, withFleet } from '../../setup/fleet.js';
import { type RevealFlags, type RunRedactor, redactorOf, withReveal } from '../../setup/redaction.js';
import { styleOf } from './statuses.js';

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

export function addList(parent: Command, session: Session): void {
  const command = parent
    .command('list')
    .alias('ls')
    .description('List runs, newest first.')
    .addOption(choices('--status <statuses>', 'only runs with one of these statuses, separated by commas', runStatuses))
    .option('--workflow <id>', 'only runs of this workflow')
    .option('--text <text>', 'only runs whose id or error contains this')
    .option('--since <time>', 'only runs created since then: 30m, 7d, or a time such as 2026-11-21T19:00', time)
    .option('--until <time>', 'only runs created before then', time)
    .option('--oldest', 'list the oldest first')
    .option('--limit <count>', 'maximum number of runs (default: 50)', whole(1))
    .option('--cursor <cursor>', 'continue after the previous page')
    .option('--all', 'list all runs, page by page')
    .option('--ids', 'write only ids, one per line')
    .option('--json-lines', 'write JSON, one run per line, while pages are read');
  withReveal(withEngine(command)).action((flags: ListFlags) =>
    withFleet(session, flags, (fleet) => list(session, fleet, flags)),
  );
  documented(command, {
    examples: [
      ['orchestrator runs list --status failed,stalled --since 24h', 'runs that went wrong since yesterday'],
      [
        "orchestrator runs list --status failed --all --ids | tr '\\n' '\\0' | xargs -0 orchestrator runs retry --",
        'retry all of them, whatever their ids contain',
      ],
      ['orchestrator runs list --workflow order --json | jq .runs[0]', 'the newest run of a workflow'],
    ],
    json: `{ runs: { runId, workflow, version, status, priority, createdAt, startAt, updatedAt, finishedAt?, deadline?,
  error? }[], cursor? }   (times in epoch milliseconds; cursor: of the next page); with --json-lines one run per line`,
  });
}

async function list(session: Session, { orchestrator, found }: Fleet, flags: ListFlags): Promise<void> {
  const { stdout, stderr } = session;
  if (flags.ids === true && flags.json !== true) {
    for await (const { runs } of pages(orchestrator, flags)) {
      // Ids are written unchanged for other programs, except for line breaks, which would end their line.
      for (const { runId } of runs) stdout.line(stdout.isTerminal ? oneLine(runId) : runId.replaceAll('\n', '\\n'));
      await stdout.drained();
    }
    return;
  }
  const redact = redactorOf(found, flags);
  if (flags.json === true || flags.jsonLines === true) {
    return writeJson(session, pages(orchestrator, flags), redact, flags.jsonLines === true ? 'lines' : 'document');
  }
  const runs: Summary[] = [];
  let cursor: string | undefined;
  for await (const page of pages(orchestrator, flags)) {
    runs.push(...page.runs.map((run) => summaryOf(run, redact)));
    cursor = page.cursor;
  }
  if (runs.length === 0) return stderr.line('no runs');
  writeRuns(session, runs);
  if (cursor !== undefined) stderr.line(stderr.styled('dim', `more: --cursor ${cursor}, or --all`));
}

async function* pages(orchestrator: DistributedOrchestrator, flags: ListFlags): AsyncGenerator<RunPage> {
  const { status, workflow, text, since: after, until: before, oldest, all } = flags;
  const filter: RunFilter = { status, workflow, text, after, before, order: oldest === true ? 'oldest' : 'newest' };
  let left = flags.limit ?? (all === true ? Infinity : 50);
  let cursor = flags.cursor;
  do {
    const page = await orchestrator.listRuns({ ...filter, limit: Math.min(left, longestPage), cursor });
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
