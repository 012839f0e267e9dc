/**
 * Source text of the program that runs in a thread or process. The program is a string, not a file, so that it is also
 * available in a bundle. It imports the module of the loop, and then lets the copy of this package that created the
 * loop execute the loop.
 *
 * The text has to run both as CommonJS and as an ES module, because a thread inherits `--input-type`. `protocol.ts`
 * describes its messages.
 *
 * A process watches its parent from a separate thread, through a pipe that closes when the parent is gone. The main
 * thread cannot do this, because it might compute forever and never notice.
 */

/** Environment variable that marks a process of a pool. The process deletes the variable at its start. */
export const startedAs = 'ORCHESTRATOR_LOOP_PROCESS';

/** File descriptor of the pipe to the parent. */
export const pipe = 4;

/** Key of the global symbol under which the program records the loops that contain it. */
export const withinKey = 'orchestrator.loops.within';

/** Milliseconds that a process has to end by itself after its parent is gone. */
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
  // Resolved from the working directory, as in the main program. On Node 20 a thread does not inherit loaders.
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
