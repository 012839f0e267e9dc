import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import ts from 'typescript';
import { medianOf } from '../median.mjs';
import { flowFiles } from './flows.mjs';

// How long TypeScript takes to check a flow of 200 nodes more than a file that only imports `Flow`. Each check is that
// of a new program, as in a build; the files of the libraries are parsed once.

const { values } = parseArgs({ options: { quick: { type: 'boolean' } }, strict: false });
const count = values.quick ? 20 : 200;
const rounds = values.quick ? 1 : 5;
const folder = fileURLToPath(new URL('.', import.meta.url));
const options = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: [],
};
const parsed = new Map();

/** Milliseconds to check a file with the text. Fails if the compiler finds an error in it. */
function checkingTime(text) {
  const file = `${folder}generated.ts`;
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.getSourceFile = (name, version) => {
    if (name === file) return ts.createSourceFile(name, text, version, true);
    if (!parsed.has(name)) parsed.set(name, getSourceFile(name, version));
    return parsed.get(name);
  };
  const start = performance.now();
  const program = ts.createProgram([file], options, host);
  const errors = program.getSemanticDiagnostics(program.getSourceFile(file));
  const taken = performance.now() - start;
  if (errors.length > 0) throw new Error(ts.formatDiagnostics(errors, { ...host, getNewLine: () => '\n' }));
  return taken;
}

const empty = "import { Flow } from '../../dist/flow/index.js';\nexport const flow = new Flow('empty');\n";
const names = Object.keys(flowFiles);
const taken = new Map([['empty', []], ...names.map((name) => [name, []])]);
checkingTime(empty);
for (let round = 0; round < rounds; round++) {
  taken.get('empty').push(checkingTime(empty));
  for (const name of names) taken.get(name).push(checkingTime(flowFiles[name](count)));
}
const group = 'a flow of 200 nodes, beside an empty file';
const floor = medianOf(taken.get('empty'));
process.send([
  { group, name: 'the empty file', ...figure(floor) },
  ...names.map((name) => ({
    group,
    name: `${name}: more than that`,
    ...figure(medianOf(taken.get(name)) - floor),
    target: { below: 2_000 },
  })),
]);

function figure(milliseconds) {
  return { value: milliseconds, text: `${milliseconds.toFixed(0)} ms` };
}
