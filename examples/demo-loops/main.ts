import { parseArgs, styleText } from 'node:util';
import { Live } from './live.js';
import { drawTable, faultsIn, grouped } from './report.js';
import { run } from './scenario.js';
import { startSinkServer } from './server.js';

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '200000' },
    pool: { type: 'string', default: 'thread' },
    kill: { type: 'boolean', default: false },
  },
});
const lines = Number(values.lines);
const pool = values.pool === 'process' ? 'process' : 'thread';
const print = (line = '') => console.log(line);
const printHeading = (text: string) => print(`\n${styleText('bold', text)}\n`);

printHeading(`A log of ${grouped(lines)} lines`);
print('  reader ──► lines ──► parser-1, parser-2 ──► entries ──► sender ──► server');
print(`  parsers    in a ${pool} each${values.kill ? '; one is killed half-way' : ''}`);
print('  queues     in a store, so that what is killed loses nothing');
print('  Ctrl-C     stops reading, and lets all that was read arrive');
print();

const server = await startSinkServer(lines);
const live = new Live(() => server.lines);
const controller = new AbortController();
const interrupt = () => {
  live.print('reading is stopped; what was read goes on');
  controller.abort();
};
process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
try {
  const result = await run({
    lines,
    pool,
    kill: values.kill,
    server,
    signal: controller.signal,
    print: (line) => live.print(line),
    onMetrics: (progress) => live.show(progress),
    metricsInterval: 250,
  });
  live.end(result);

  const faults = faultsIn(controller.signal.aborted ? undefined : lines, result, server);
  printHeading('What was done');
  for (const line of drawTable(result, server)) print(`  ${line}`);
  print();
  print(
    `  server     ${grouped(server.requests)} requests, ${server.refused} of them refused with 503 and tried again`,
  );
  print(`  content    ${grouped(server.visitors)} visitors; ${statuses()}`);
  print();
  print(`  read       ${grouped(result.read)} lines`);
  print(`  arrived    ${grouped(server.lines)} different lines, of these up to the last that was read`);
  print(`  missing    ${grouped(server.missingUpTo(result.read))}`);
  print(`  repeated   ${grouped(server.repeated)}: came once more after a kill, known by their numbers, counted once`);
  print();
  for (const fault of faults) print(styleText('red', `  wrong: ${fault}`));
  if (faults.length === 0) print('  Every line has arrived, and is counted once.');
  else process.exitCode = 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await server.stop();
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
}

function statuses(): string {
  const counts = [...server.byStatus].sort(([one], [other]) => one - other);
  return counts.map(([status, count]) => `${status}: ${grouped(count)}`).join(', ');
}
