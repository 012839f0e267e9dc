import { resolve } from 'node:path';
import { DistributedWorker, type WorkerOptions } from '../../../distributed/index.js';
import { usageError } from '../../exit-codes.js';
import { versionText } from '../../output/text.js';
import type { Session } from '../../session.js';
import { CommandLog } from '../../setup/command-log.js';
import { findConfig } from '../../setup/config.js';
import { chooseEngine, type EngineFlags } from '../../setup/engine.js';
import { flowsOf, listOf, loadModule, runtimeOf, type Workflow } from '../../setup/modules.js';
import { logNodes } from '../../setup/node-log.js';
import { redactorOf } from '../../setup/redaction.js';

interface WorkerFlags extends EngineFlags {
  readonly concurrency?: number;
  readonly nodesPerJob?: number | 'auto';
  readonly id?: string;
  readonly timeout?: number;
  readonly json?: boolean;
}

/** Executes the runs of an engine until a signal arrives. */
export async function work(session: Session, modules: readonly string[], flags: WorkerFlags): Promise<void> {
  const interruption = session.interruption();
  const found = await findConfig(session.io.cwd, flags.config);
  const { workflows, runtime } = await loadWorkflows(modules.length > 0 ? modules : configured(found), session);
  const engine = chooseEngine(session, flags, found);
  const log = new CommandLog(session, flags, redactorOf(found, {}));
  const { concurrency, nodesPerJob, id } = flags;
  const worker = workerOf({ engine, workflows, concurrency, nodesPerJob, id, runtime }, log);
  const quiet = logNodes(log);
  try {
    await worker.start();
    const names = worker.health().workflows;
    log.info(`worker ${worker.id} takes work from ${engine.name}: ${names.map(versionText).join(', ')}`, {
      workerId: worker.id,
      engine: engine.name,
      workflows: names,
    });
    await aborted(interruption);
    log.info('stopping: running nodes finish first; a second signal ends at once', {});
    await worker.close({ timeout: flags.timeout });
    const { completed, failed, retried } = worker.health();
    log.info(`stopped: ${completed} completed, ${failed} failed, ${retried} retried`, { completed, failed, retried });
  } finally {
    quiet();
    await engine.close();
  }
}

/** The flows of the given modules, and the runtime that executes them. */
export interface Loaded {
  readonly workflows: readonly Workflow[];
  readonly runtime: ReturnType<typeof runtimeOf>;
}

/**
 * Loads all flows of the modules, each once.
 *
 * @throws {CliError} if a module exports no flow
 */
async function loadWorkflows(modules: readonly string[], { io }: Session): Promise<Loaded> {
  if (modules.length === 0) throw usageError('no flows to execute: give modules, or list workflows in the config file');
  const workflows = new Set<Workflow>();
  let runtime: Loaded['runtime'];
  for (const module of modules) {
    const exports = await loadModule(module, io.cwd);
    const flows = flowsOf(exports);
    if (flows.size === 0) throw usageError(`"${module}" exports no flow: it exports ${listOf(exports)}`);
    for (const flow of flows.values()) workflows.add(flow);
    runtime ??= runtimeOf(exports);
  }
  return { workflows: [...workflows], runtime };
}

/** A worker that logs its warnings. */
export function workerOf(
  options: Loaded & Pick<WorkerOptions, 'engine' | 'concurrency' | 'nodesPerJob' | 'id'>,
  log: CommandLog,
): DistributedWorker {
  const worker = new DistributedWorker(options);
  worker.on('warning', (error, details) => log.warn(error, details));
  return worker;
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function configured({ config, directory }: Awaited<ReturnType<typeof findConfig>>): readonly string[] {
  return pathsOf(config.workflows, directory);
}

/** Resolves module paths of a config file, which are relative to the file. */
export function pathsOf(modules: readonly string[] = [], directory: string): readonly string[] {
  return modules.map((module) => (module.startsWith('file:') ? module : resolve(directory, module)));
}
