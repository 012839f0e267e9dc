import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableNodes } from './nodes.mjs';
import { measureSize } from './size.mjs';
import { durationOf, tableOf } from './table.mjs';
import { verdictOn, wordsOf } from './targets.mjs';

const nodes = availableNodes();
const versions = nodes.map(({ version }) => `Node ${version.slice(1)}`);
if (process.argv.includes('--quick')) console.log('Quick: shows that the benchmark works, the figures mean nothing.\n');

console.log('Speed of the success path: medians, and their ratio to the row named behind\n');
for (const table of comparisons(await onEachNode('speed.mjs'))) console.log(table);
console.log('Memory\n');
console.log(figures(versions, await onEachNode('memory.mjs')));
console.log('Size, minified and gzipped\n');
console.log(figures(['bytes'], [await measureSize()]));

/** Runs a script on one Node after the other, each in a process of its own, and gives what each sent. */
async function onEachNode(script) {
  const results = [];
  for (const { path } of nodes) results.push(await resultOf(script, path));
  return results;
}

async function resultOf(script, execPath) {
  const options = { execPath, execArgv: ['--expose-gc'] };
  const child = fork(new URL(script, import.meta.url), process.argv.slice(2), options);
  let result;
  child.on('message', (message) => {
    result = message;
  });
  const [code] = await once(child, 'exit');
  if (code !== 0 || result === undefined) throw new Error(`${script} ended with code ${code} on ${execPath}`);
  return result;
}

/** A table for each group of rows; `results` holds one list of the same rows for each Node. */
function comparisons(results) {
  const [rows] = results;
  const header = [...versions.flatMap((version) => [version, 'ratio']), 'to', 'target'];
  const lines = rows.map(({ name, against = '', target }, index) => {
    const cells = results.flatMap((found) => [durationOf(found[index].nanoseconds), ratioOf(found[index], found)]);
    return [name, ...cells, against, wordsOf(target)];
  });
  const groups = [...new Set(rows.map(({ group }) => group))];
  return groups.map((group) => {
    return tableOf(
      [group, ...header],
      lines.filter((_, index) => rows[index].group === group),
    );
  });
}

function ratioOf({ nanoseconds, group, against, target }, rows) {
  if (against === undefined) return '';
  const other = rows.find((row) => row.group === group && row.name === against);
  const ratio = nanoseconds / other.nanoseconds;
  return `${ratio.toFixed(2)}${verdictOn(ratio, target)}`;
}

/** A table of single figures; `results` holds one list of the same figures for each column. */
function figures(columns, results) {
  const lines = results[0].map(({ name, target }, index) => {
    const cells = results.map((found) => `${found[index].text}${verdictOn(found[index].value, target)}`);
    return [name, ...cells, wordsOf(target)];
  });
  return tableOf(['', ...columns, 'target'], lines);
}
