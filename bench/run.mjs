import { availableNodes } from './nodes.mjs';
import { askedFor } from './only.mjs';
import { resultOf } from './processes.mjs';
import { measureSize } from './size.mjs';
import { durationOf, tableOf } from './table.mjs';
import { verdictOn, wordsOf } from './targets.mjs';

const nodes = availableNodes();
const versions = nodes.map(({ version }) => `Node ${version.slice(1)}`);
const missed = [];
let targets = 0;
const quick = process.argv.includes('--quick');
/** Sections of the benchmark, by the name that `--only` takes. */
const sections = {
  async kernel() {
    console.log('Speed of the success path: medians, and their ratio to the row named behind\n');
    for (const table of comparisons(await onEachNode('speed.mjs'))) console.log(table);
    console.log('Many calls at once, all but five of which wait: time per start\n');
    for (const table of tablesOf(versions, await onEachNode('waiters.mjs'))) console.log(table);
    console.log('Memory\n');
    console.log(figures(versions, await onEachNode('memory.mjs')));
  },
  async flow() {
    console.log('Flows: medians, and their ratio to the row named behind\n');
    for (const table of comparisons(await onEachNode('flow/speed.mjs'))) console.log(table);
    console.log('Flows: memory\n');
    console.log(figures(versions, await onEachNode('flow/memory.mjs')));
    console.log('Flows: a checkpoint after every node, in a file that is flushed to the disk\n');
    console.log(figures(versions, await onEachNode('flow/checkpoint.mjs')));
    console.log('Flows: a checkpoint after every node, by what the context holds\n');
    console.log(figures(versions, await onEachNode('flow/saved-context.mjs')));
  },
  async durable() {
    console.log(`Durable scopes: medians, ${versions[0]}\n`);
    for (const table of tablesOf([versions[0]], await onEachNode('durable/measure.mjs', [nodes[0]])))
      console.log(table);
  },
  async distributed() {
    console.log(`Distributed: medians, and the ratios of some of them, ${versions[0]}\n`);
    const results = await onEachNode('distributed/measure.mjs', [nodes[0]]);
    for (const table of tablesOf([versions[0]], results)) console.log(table);
  },
  async loops() {
    console.log('Loops: medians, and the ratios of some of them\n');
    for (const table of tablesOf(versions, await onEachNode('loops/measure.mjs'))) console.log(table);
  },
  async telemetry() {
    console.log('Telemetry: medians, and the ratios of some of them\n');
    for (const table of tablesOf(versions, await onEachNode('telemetry/measure.mjs'))) console.log(table);
  },
  async types() {
    console.log(`Types: time that TypeScript takes to check a file, medians, ${versions[0]}\n`);
    for (const table of tablesOf([versions[0]], await onEachNode('types/measure.mjs', [nodes[0]]))) console.log(table);
  },
  async starts() {
    console.log('Starts of programs: medians, and their ratio to a bare node\n');
    for (const table of comparisons(await onEachNode('starts/measure.mjs'))) console.log(table);
  },
  async size() {
    console.log('Size, minified and gzipped\n');
    console.log(figures(['bytes'], [await measureSize()]));
  },
};

if (quick) console.log('Quick: shows that the benchmark works, the figures mean nothing.\n');
for (const name of sectionsAskedFor()) await sections[name]();
console.log([`${targets - missed.length} of ${targets} targets met`, ...missed].join('\n- missed: '));

/** Sections named by `--only`, also by one of their parts. Default: all. */
function sectionsAskedFor() {
  const asked = askedFor().map((name) => name.split('/')[0]);
  const unknown = asked.find((name) => !(name in sections));
  if (unknown !== undefined) throw new Error(`--only takes ${Object.keys(sections).join(', ')}, got ${unknown}`);
  return asked.length === 0 ? Object.keys(sections) : new Set(asked);
}

/** Runs a script on each version of Node, in a separate process each, and returns what each sends. */
async function onEachNode(script, measured = nodes) {
  const results = [];
  for (const { path } of measured) {
    const options = { execPath: path, execArgv: ['--expose-gc'] };
    results.push(await resultOf(new URL(script, import.meta.url), process.argv.slice(2), options));
  }
  return results;
}

/** A table per group of rows. `results` has a list of the same rows for each version of Node. */
function comparisons(results) {
  const [rows] = results;
  const header = [...versions.flatMap((version) => [version, 'ratio']), 'to', 'target'];
  const lines = rows.map(({ name, against = '', target }, index) => {
    const cells = results.flatMap((found, column) => {
      return [durationOf(found[index].nanoseconds), ratioOf(found[index], found, versions[column])];
    });
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

function ratioOf({ nanoseconds, group, name, against, target }, rows, version) {
  if (against === undefined) return '';
  const other = rows.find((row) => row.group === group && row.name === against);
  const ratio = nanoseconds / other.nanoseconds;
  return judged({
    name: `${group}: ${name} to ${against}`,
    column: version,
    value: ratio,
    text: ratio.toFixed(2),
    target,
  });
}

/** A table of single figures per group. `results` has a list of the same figures for each column. */
function tablesOf(columns, results) {
  const groups = [...new Set(results[0].map(({ group }) => group))];
  return groups.map((group) => {
    const rows = results.map((found) => found.filter((row) => row.group === group));
    return figures(columns, rows, group);
  });
}

/** A table of single figures. `results` has a list of the same figures for each column. */
function figures(columns, results, group = '') {
  const lines = results[0].map(({ name, target }, index) => {
    const cells = results.map((found, column) =>
      judged({ ...found[index], name: nameOf(group, name), column: columns[column] }),
    );
    return [name, ...cells, wordsOf(target)];
  });
  return tableOf([group, ...columns, 'target'], lines);
}

function nameOf(group, name) {
  return group === '' ? name : `${group}: ${name}`;
}

/** A figure with its verdict. The last lines of the output count the verdicts. */
function judged({ name, column, value, text, target }) {
  const verdict = verdictOn(value, target);
  if (verdict !== '') targets++;
  if (verdict === ' missed') missed.push(`${name} is ${text} (${column}), expected ${wordsOf(target)}`);
  return `${text}${verdict}`;
}
