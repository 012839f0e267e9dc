/**
 * The program of a thread or a process, as text: it has no file, so that it is there in a bundle, too. It finds the loop in its
 * module, then has it carried out by the copy of this package that the loop is made with.
 *
 * It runs as CommonJS and as an ES module: a thread inherits `--input-type`. What it says is in `protocol.ts`.
 *
 * A process watches its parent from a thread of its own, through a pipe that closes when the parent is gone: the main thread may
 * compute without end, and would never see it.
 */

/** The environment variable that a process of a pool is started with, and takes off again. */
export const startedAs = 'ORCHESTRATOR_LOOP_PROCESS';

/** The number under which a process has the pipe to its parent. */
export const pipe = 4;

/** Where the program notes the loops that it is within. */
export const withinKey = 'orchestrator.loops.within';

/** Milliseconds for a process whose parent is gone, in which it may end by itself. */
const patience = 1_000;

const watchdog = `const { Socket } = process.getBuiltinModule('node:net');
const pipe = new Socket({ fd: ${pipe}, readable: true, writable: false });
pipe.on('error', () => {}).on('close', () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${patience})).resume();`;

export const program = `(async () => {
const { parentPort, Worker } = process.getBuiltinModule('node:worker_threads');
const post = (message) => { if (parentPort) parentPort.postMessage(message); else if (process.connected) process.send(message); };
const early = [];
let loopId = 'loop', host, toWire;
const read = (from, key) => { try { return from[key]; } catch {} };
const plain = (thrown, depth = 0) => {
  if (Object(thrown) !== thrown) return { name: 'Error', message: 'threw ' + typeof thrown + ' instead of an Error' };
  const [name = 'Error', message = '', stack, code] = ['name', 'message', 'stack', 'code'].map((key) => { const value = read(thrown, key); return typeof value === 'string' ? value : undefined; });
  const cause = read(thrown, 'cause');
  return { name, message, ...(stack && { stack }), ...(code && { code }), ...(Object(cause) === cause && depth < 8 && { cause: plain(cause, depth + 1) }) };
};
const wire = (thrown) => (toWire ?? plain)(thrown, loopId);
const onMessage = (message) => { if (message.type === 'prepare') prepare(message); else if (host) host.onMessage(message); else early.push(message); };
process.on('uncaughtExceptionMonitor', (error) => post({ type: 'crashing', error: wire(error) }));
if (parentPort) parentPort.on('message', onMessage);
else {
  delete process.env.${startedAs};
  process.on('message', onMessage);
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
  process.on('disconnect', () => process.exit(1));
  new Worker(${JSON.stringify(watchdog)}, { eval: true, name: 'parent watch', execArgv: [], stdin: false, resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 } }).on('error', () => {}).unref();
}
const loaded = async ({ module, exportName, options, within, protocol, typescript }) => {
  const around = { within };
  Object.defineProperty(globalThis, Symbol.for('${withinKey}'), { value: around, configurable: true });
  // Found from the working directory, as it was by the program. A thread does not have the loaders of its program on Node 20.
  if (typescript && parentPort) try { (await import('tsx/esm/api')).register(); } catch {}
  let exports;
  try { exports = await import(module); } catch (error) { return { type: around.isCircle ? 'circle' : 'import', error: wire(error) }; }
  if (around.isCircle) return { type: 'circle' };
  const exported = exports[exportName];
  if (exported === undefined) return { type: 'export', names: Object.keys(exports) };
  const loop = typeof exported === 'function' ? await exported(options) : exported;
  const hosting = loop?.[Symbol.for('orchestrator.loops.hosting')];
  if (hosting === undefined) return { type: 'kind', kind: loop == null ? String(loop) : String(Object(loop).constructor?.name ?? typeof loop) };
  if (hosting.protocol !== protocol) return { type: 'protocol' };
  toWire = hosting.toWire;
  const { source } = loop;
  host = hosting.hostOf(hosting.planOf({ ...source, definition: { ...source.definition, id: loopId } }), { post });
  for (const message of early) host.onMessage(message);
};
const prepare = async (message) => {
  loopId = message.loopId;
  try {
    const fault = await loaded(message);
    if (fault !== undefined) post({ type: 'unloaded', fault });
  } catch (error) { post({ type: 'failed', error: wire(error) }); }
};
})();`;
