// Loaded before the program of a durable scope, which it kills (SIGKILL) at a chosen moment. `DEATH` says when:
//
//     before write 3       before the third write to a journal; `during` and `after` it likewise
//     during write of b!   while the first text is written that contains "b!"
//     before change 5      before the fifth call that changes a file of the run
//
// The changes of a program that ends by itself are noted in the file `changes`, one a line.
import fs, { appendFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

type Call = (...args: unknown[]) => unknown;

const [directory = ''] = process.argv.slice(2);
const [, point, kind, of, which = ''] = /^(\w+) (write|change) (of )?(.*)$/.exec(process.env.DEATH ?? '') ?? [];
let writes = 0;
let changes = 0;

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

const write = fs.write;
fs.write = ((descriptor: number, bytes: Buffer, from: number, length: number, place: null, done: () => void) => {
  change('write');
  writes++;
  const isIt = kind === 'write' && (of ? bytes.includes(which) : writes === Number(which));
  if (!isIt) return write(descriptor, bytes, from, length, place, done);
  if (point === 'before') return die();
  const end = point === 'during' ? from + Math.ceil((length - from) / 2) : from + length;
  fs.writeSync(descriptor, bytes, from, end - from);
  die();
}) as unknown as typeof write;

/** Counts a call that changes a file. */
function change(name: string): void {
  if (kind !== 'change') return;
  if (++changes === Number(which)) die();
  appendFileSync(`${directory}/changes`, `${name}\n`);
}

function watch(module: object, prefix: string, names: readonly string[]): void {
  const calls = module as Record<string, Call>;
  for (const name of names) {
    const call = calls[name] as Call;
    calls[name] = (...args) => {
      const [path] = args;
      const isOfRun = typeof path === 'number' || String(path).startsWith(directory);
      if (isOfRun) change(`${prefix}${name}`);
      return call.apply(module, args);
    };
  }
}

watch(fs.promises, 'promises.', ['writeFile', 'link', 'rm', 'rename', 'truncate']);
watch(fs, '', ['ftruncate', 'fsync', 'fdatasync']);
const open = fs.open as unknown as Call;
fs.open = ((...args: unknown[]) => {
  if ((Number(args[1]) & fs.constants.O_CREAT) !== 0) change('open');
  return open(...args);
}) as unknown as typeof fs.open;
syncBuiltinESMExports();
