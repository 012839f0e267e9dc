import { styleText } from 'node:util';
import { embedded } from './embedded.js';
import { orderFlow } from './flow.js';
import { Live } from './live.js';
import { onServer } from './on-server.js';
import { drawTable, faultsIn, rowsOf } from './report.js';
import { startShopServer } from './server.js';

const orders = 100;

const { REDIS_URL, DATABASE_URL } = process.env;
const scenario = REDIS_URL === undefined && DATABASE_URL === undefined ? embedded : onServer;
const print = (line = '') => console.log(line);
const printHeading = (text: string) => print(`\n${styleText('bold', text)}\n`);

printHeading(`${orders} runs of "${orderFlow.name}"`);
print(`  engine   ${scenario.engine}`);
print(`  fleet    ${scenario.fleet}; one dies half-way`);
print();

const server = await startShopServer();
const live = new Live(orders, () => server.requests);
try {
  const result = await scenario.run({
    orders,
    url: server.url,
    asked: (requests) => server.asked(requests),
    print: (line) => live.print(line),
    onStatus: (status) => live.show(status),
  });
  live.end(result.outcome.status);

  const rows = rowsOf(orders, result, server.seen);
  const faults = faultsIn(orders, result, rows);
  printHeading('What was done');
  for (const line of drawTable(rows)) print(`  ${line}`);
  print();
  print('  runs       how many runs go through the node');
  print('  counted    how often its output was taken into a run, by the journals: once for each');
  print('  requests   how often it has reached the server: at least once for each; 503 and');
  print('  repeated   say why it was more: refused and tried again, or cut off before it was counted');
  print('  keys       different idempotency keys among them: by these the server does a thing once');
  print();
  print(
    `  completed: ${result.outcome.status.runs.completed ?? 0} of ${orders} runs; left in the queue: ${result.left} jobs`,
  );
  for (const fault of faults) print(styleText('red', `  wrong: ${fault}`));
  print(faults.length === 0 ? '  Nothing is lost, and nothing is counted twice.' : '');
  if (faults.length > 0) process.exitCode = 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await server.stop();
}
