import { DistributedOrchestrator, type Engine } from '../../../distributed/index.js';
import { LoopDefinitionError, type WorkflowOrchestrator } from '../../../loops/index.js';
import { CliError, exitCodes, usageError } from '../../exit-codes.js';
import { versionText } from '../../output/text.js';
import type { Session } from '../../session.js';
import { CommandLog } from '../../setup/command-log.js';
import { type FoundConfig, findConfig } from '../../setup/config.js';
import { chosenEngine, type EngineFlags } from '../../setup/engine.js';
import { logLoops } from '../../setup/loop-log.js';
import { hasLoops, loopsFrom } from '../../setup/loops.js';
import { type Exports, flowsOf, listOf, loadModule, runtimeOf, type Workflow } from '../../setup/modules.js';
import { logNodes } from '../../setup/node-log.js';
import { redactorOf } from '../../setup/redaction.js';
import { announce, type ServeFlags, serve } from '../../setup/serving.js';
import { aborted, pathsOf, workerOf } from '../worker/work.js';

interface OrchestrateFlags extends EngineFlags, ServeFlags {
  readonly worker?: boolean;
  readonly concurrency?: number;
  readonly store?: string;
  readonly timeout?: number;
  readonly json?: boolean;
}

/** Everything that the program owns and has to close. */
interface Owned {
  readonly loops: WorkflowOrchestrator | undefined;
  readonly engine: Engine | undefined;
  readonly distributed: DistributedOrchestrator | undefined;
  readonly flows: readonly Workflow[];
  readonly runtime: ReturnType<typeof runtimeOf>;
}

/** Starts loops, and serves the dashboard for loops and runs, until a signal arrives or the loops have ended. */
export async function orchestrate(session: Session, given: readonly string[], flags: OrchestrateFlags): Promise<void> {
  const interruption = session.interruption();
  const found = await findConfig(session.io.cwd, flags.config);
  const modules = given.length > 0 ? given : configured(found);
  const exports = await Promise.all(modules.map((module) => loadModule(module, session.io.cwd)));
  const owned = own(session, exports, flags, found);
  const log = new CommandLog(session, flags, redactorOf(found, {}));
  const ends: (() => Promise<unknown>)[] = [];
  try {
    await begin(session, owned, { flags, found, log, ends });
    await Promise.race([aborted(interruption), endOf(owned)]);
    if (interruption.aborted) log.info('stopping: running work finishes first; a second signal ends at once', {});
  } catch (error) {
    await endAll(ends);
    throw error;
  }
  conclude(owned, await endAll(ends), log);
}

function own(session: Session, exports: readonly Exports[], flags: OrchestrateFlags, found: FoundConfig): Owned {
  const flows = [...new Set(exports.flatMap((one) => [...flowsOf(one).values()]))];
  const empty = exports.find((one) => flowsOf(one).size === 0 && !hasLoops(one));
  if (empty !== undefined) {
    throw usageError(`"${empty.module}" exports neither loops nor flows: it exports ${listOf(empty)}`);
  }
  const loops = loopsFrom(exports, { store: flags.store, cwd: session.io.cwd });
  const engine = chosenEngine(session, flags, found);
  if (loops === undefined && engine === undefined) {
    throw usageError('there is nothing to orchestrate: give modules with loops, or choose an engine with --engine');
  }
  if (flags.worker === true && (engine === undefined || flows.length === 0)) {
    throw usageError('--worker needs an engine and flows: give --engine, and modules that export flows');
  }
  const runtime = exports.map(runtimeOf).find((one) => one !== undefined);
  const distributed = engine && new DistributedOrchestrator({ engine, workflows: flows, runtime });
  return { loops, engine, distributed, flows, runtime };
}

interface Beginning {
  readonly flags: OrchestrateFlags;
  readonly found: FoundConfig;
  readonly log: CommandLog;
  /** Functions that end the started parts, in the order in which the parts were started. */
  readonly ends: (() => Promise<unknown>)[];
}

/**
 * Starts everything. Steps that may be refused come first, so that no work starts if the dashboard cannot be served.
 */
async function begin(session: Session, owned: Owned, { flags, found, log, ends }: Beginning): Promise<void> {
  const { loops, engine, distributed, flows, runtime } = owned;
  const { concurrency, timeout } = flags;
  if (engine !== undefined) {
    ends.push(() => engine.close());
    await engine.open();
    log.info(`manages the runs of ${engine.name}`, { engine: engine.name });
  }
  if (distributed !== undefined) ends.push(() => distributed.close());
  const served = await serve(session, { distributed, loops, found, flags, log });
  ends.push(() => served.close());
  if (flags.worker === true && engine !== undefined) {
    const quiet = logNodes(log);
    ends.push(async () => quiet());
    const worker = workerOf({ engine, workflows: flows, runtime, concurrency }, log);
    ends.push(() => worker.close({ timeout }));
    await worker.start();
    log.info(`executes ${worker.health().workflows.map(versionText).join(', ')}`, { workerId: worker.id });
  }
  if (loops !== undefined) {
    logLoops(loops, log);
    ends.push(() => loops.close({ timeout }));
    await loops.start().catch(refuse);
  }
  announce(session, served, { flags, log });
}

const queueHelp =
  'declare the queues of the loops in a workflow: export const pipeline = { queues: { orders: { capacity: 10 } }, loops: [poll, work] }';

/**
 * Adds help to the error about undeclared queues, because a module may have exported its loops without their queues.
 */
function refuse(error: unknown): never {
  const isUndeclared =
    error instanceof LoopDefinitionError && error.faults.some(({ message }) => /not declared/.test(message));
  if (!isUndeclared) throw error;
  throw usageError(`${error.message}; ${queueHelp}`, { cause: error });
}

/** Waits until all loops have ended. An engine never ends by itself. */
async function endOf({ loops, engine }: Owned): Promise<void> {
  if (loops === undefined || engine !== undefined) return new Promise(() => undefined);
  return loops.ended();
}

/**
 * Calls the functions in reverse order, even if some of them fail.
 *
 * @returns their results and errors
 */
async function endAll(ends: readonly (() => Promise<unknown>)[]): Promise<unknown[]> {
  const said: unknown[] = [];
  for (const end of [...ends].reverse()) said.push(await end().catch((error: unknown) => error));
  return said;
}

function conclude({ loops }: Owned, said: readonly unknown[], log: CommandLog): void {
  const failed = said.find((one) => one instanceof Error);
  if (failed !== undefined) throw failed;
  const summaries = said.filter(isSummary);
  const abandoned = summaries.reduce((sum, summary) => sum + summary.abandoned, 0);
  const messages = summaries.reduce((sum, summary) => sum + summary.messages, 0);
  log.info(`ended: ${countOf(abandoned, 'iteration')} cut off, ${countOf(messages, 'message')} left in queues`, {
    abandoned,
    messages,
  });
  const broken = loops?.health().loops.find(({ state }) => state === 'error');
  if (broken !== undefined) {
    throw new CliError(`loop "${broken.loopId}" ended with an error: ${broken.error ?? ''}`, exitCodes.failed);
  }
  if (abandoned > 0) throw new CliError(`cut off at the timeout: ${countOf(abandoned, 'iteration')}`, exitCodes.failed);
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function isSummary(value: unknown): value is { readonly abandoned: number; readonly messages: number } {
  return typeof Object(value).abandoned === 'number';
}

function configured({ config, directory }: FoundConfig): readonly string[] {
  return [...new Set([...pathsOf(config.loops, directory), ...pathsOf(config.workflows, directory)])];
}
