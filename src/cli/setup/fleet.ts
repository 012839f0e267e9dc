import { DistributedOrchestrator, type Engine } from '../../distributed/index.js';
import { CliError, exitCodes } from '../exit-codes.js';
import type { Session } from '../session.js';
import { type FoundConfig, findConfig } from './config.js';
import { chooseEngine, type EngineFlags } from './engine.js';

/** A fleet for commands, which work without the code of its workflows. */
export interface Fleet {
  readonly orchestrator: DistributedOrchestrator;
  readonly engine: Engine;
  readonly found: FoundConfig;
}

/** Opens the chosen engine, runs `work` with it, and closes it. */
export async function withFleet<Result>(
  session: Session,
  flags: EngineFlags,
  work: (fleet: Fleet) => Promise<Result>,
): Promise<Result> {
  const found = await findConfig(session.io.cwd, flags.config);
  const engine = chooseEngine(session, flags, found);
  const orchestrator = new DistributedOrchestrator({ engine });
  try {
    await engine.open();
    return await work({ orchestrator, engine, found });
  } finally {
    await orchestrator.close();
    await engine.close();
  }
}

/**
 * Returns a function for the errors of shards that do not answer. The command writes what the others have, and then
 * fails.
 */
export function incompleteOf(session: Session): (error: Error) => void {
  return (cause) => {
    session.failure ??= new CliError(
      'the output is incomplete, because a shard does not answer',
      exitCodes.unreachable,
      {
        cause,
      },
    );
  };
}
