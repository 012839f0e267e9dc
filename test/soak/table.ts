/** The rows, in their order; those that are not counted are 0. */
const rows = [
  'rounds',
  'runs started',
  'completed',
  'failed as expected',
  'cancelled',
  'gone as they should',
  'kills',
  'replacements',
  'pauses',
  'steps of clocks',
  'outages',
  'killed connections',
  'cuts',
  'stalls',
  'half-open lines',
  'lost answers',
  'refused writes',
  'failed starts',
  'calls rejected',
  'paused late',
  'effects',
  'executed again',
  'effects lost',
  'counted twice',
  'deadlines left',
  'left in the queue',
  'left over',
  'warnings',
] as const;

/** What was counted on an engine. */
export interface Column {
  readonly counts: ReadonlyMap<string, number>;
  readonly findings: readonly string[];
  readonly slowestRecovery: number;
}

/** What was counted, an engine a column. */
export function tableOf(engines: readonly (readonly [name: string, column: Column])[]): string {
  const cells = [
    ['', ...engines.map(([name]) => name)],
    ...rows.map((row) => [row, ...engines.map(([, { counts }]) => String(counts.get(row) ?? 0))]),
    ['slowest recovery', ...engines.map(([, { slowestRecovery }]) => `${(slowestRecovery / 1_000).toFixed(1)} s`)],
    ['FINDINGS', ...engines.map(([, { findings }]) => String(findings.length))],
  ];
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('   ');
  return cells.map(line).join('\n');
}
