import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { drawItems, drawRepeated, faultsIn, sumUp } from './report.js';
import { importWithKills } from './scenario.js';
import { startShop } from './server.js';

const print = (line = '') => console.log(line);
const printHeading = (text: string) => print(`\n${styleText('bold', text)}\n`);

const shop = await startShop();
const runs = await mkdtemp(join(tmpdir(), 'demo-durable-'));
const began = performance.now();
try {
  printHeading(`An import of 300 items from ${shop.url}, killed three times`);
  const total = await importWithKills(shop, runs, (line) => {
    print(`  ${((performance.now() - began) / 1_000).toFixed(1).padStart(5)} s  ${line}`);
  });

  printHeading('How often the shop has answered each item');
  for (const line of drawItems(shop)) print(line);

  printHeading('Items that were under way when the script was killed');
  for (const line of drawRepeated(shop)) print(line);

  printHeading('In short');
  for (const [name, text] of sumUp(shop)) print(`  ${name.padEnd(22)} ${text}`);
  print(`  ${'result'.padEnd(22)} ${JSON.stringify(total)}`);
  const faults = faultsIn(shop, total);
  for (const fault of faults) print(styleText('red', `  ${fault}`));
  if (faults.length > 0) process.exitCode = 1;
  else print('\n  Nothing is lost, and nothing that was recorded is repeated.\n');
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await shop.stop();
  await rm(runs, { recursive: true, force: true });
}
