import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import type { WorkflowResult } from 'orchestrator/flow';
import { type Approvals, approveTwice } from './approval.js';
import { type PriceList, priceList } from './flow.js';
import { describeGraph } from './report.js';
import { type Interruption, makePriceList, stopAndResume } from './scenario.js';
import { type BookServer, startBookServer } from './server.js';

const print = (line = '') => console.log(line);
const printHeading = (text: string) => print(`\n${styleText('bold', text)}\n`);
const printField = (field: string, text: string) => print(`  ${field.padEnd(24)} ${text}`);

const directory = await mkdtemp(join(tmpdir(), 'demo-flow-'));
try {
  await withServer(async (server) => {
    printHeading('The flow');
    for (const line of describeGraph(priceList)) print(line);
    printHeading('What happens');
    printResult(await makePriceList(server.url, print), server);
  });
  await withServer(async (server) => {
    printHeading('The same in a program that is killed in the middle, and continued in this one');
    printInterruption(await stopAndResume(server, directory, print));
  });
  await withServer(async (server) => {
    printHeading('An order that has to be approved, and an approval that expires');
    printApprovals(await approveTwice(server, join(directory, 'orders'), print));
  });
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await rm(directory, { recursive: true });
}

async function withServer(work: (server: BookServer) => Promise<void>): Promise<void> {
  const server = await startBookServer();
  try {
    await work(server);
  } finally {
    await server.stop();
  }
}

function printResult(result: WorkflowResult<object>, { exchanges }: BookServer): void {
  assert.equal(result.status, 'completed');
  printHeading('The price list');
  for (const [field, text] of Object.entries(result.output as PriceList)) printField(field, String(text));

  printHeading('In short');
  const errors = result.errors.map(({ message, recoveredBy }) => `${message}; ${recoveredBy} stood in`);
  printField('completed', result.completed.join(', '));
  printField('skipped', result.skipped.join(', '));
  printField('errors', errors.join(', '));
  printField('seen by the server', `${exchanges.length} requests`);

  printHeading('The flow as it went, for https://mermaid.live');
  print(priceList.toMermaid(result).trimEnd());
}

function printInterruption({ endedBy, before, after, repeated, result }: Interruption): void {
  assert.equal(result.status, 'completed');
  assert.deepEqual(repeated, []);
  printHeading('In short');
  const cutOff = before.filter((exchange) => exchange.cutOff).map(({ request }) => request);
  const asked = after.filter(({ request }) => cutOff.includes(request));
  printField('the first program', `ended by ${endedBy}; ${before.length} requests, ${cutOff.length} cut off`);
  printField('this one', `${after.length} requests, ${asked.length} of them for what was cut off`);
  printField('asked for again', `${repeated.length} of what had been answered`);
  printField('completed', result.completed.join(', '));
  printField('price list', `number ${(result.output as PriceList).number}`);
  print();
}

function printApprovals({ approved, expired, refusal }: Approvals): void {
  assert.equal(approved.status, 'completed');
  assert.equal(expired.status, 'completed');
  printHeading('In short');
  printField('approved in time', `order number ${(approved.output as { number: number }).number}`);
  printField('nobody approved', String(expired.output));
  printField('approved too late', String(refusal));
  print();
}
