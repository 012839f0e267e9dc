import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeArgs, NodeMiddleware } from 'orchestrator/flow';

/*
 * What nodes have done to the world: each execution writes a line. A line that was written is there, also if the process
 * is killed right behind it, since it is with the operating system.
 */

/** One execution of a node. */
export interface Effect {
  readonly runId: string;
  /** Of the node: what makes its effects exact. */
  readonly key: string;
  /** Which of the runs of this id. */
  readonly life: number;
  readonly attempt: number;
  /** Milliseconds on a clock that all processes of this machine share, and nobody sets. */
  readonly at: number;
}

/** Middleware that notes each execution before it begins. */
export function noting(note: (effect: Effect) => void): NodeMiddleware {
  return (args: NodeArgs, next) => {
    const { idempotencyKey, attempt, context } = args;
    note({
      runId: runOf(idempotencyKey),
      key: idempotencyKey,
      life: Object(context).life ?? 0,
      attempt,
      at: sharedTime(),
    });
    return next();
  };
}

/** The run that an effect is of, also where a flow inside of its flow has had it. */
function runOf(key: string): string {
  const path = key.slice(0, key.indexOf('/')).replace(/~\d+$/, '');
  return decodeURIComponent(path.replaceAll(/%(?!25|2F)/g, '%25'));
}

/** A clock that all processes of this machine share, in milliseconds. */
export function sharedTime(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** Writes the effects of this process to a file of its own. */
export function ledgerIn(directory: string): (effect: Effect) => void {
  const file = openSync(join(directory, `${process.pid}-${sharedTime()}.jsonl`), 'a');
  process.once('exit', () => closeSync(file));
  return (effect) => void writeSync(file, `${JSON.stringify(effect)}\n`);
}

/** All effects in a directory, by run. The last line of a process that was killed may be cut off. */
export function readLedger(directory: string): Map<string, Effect[]> {
  const effects = new Map<string, Effect[]>();
  for (const name of readdirSync(directory)) {
    for (const line of readFileSync(join(directory, name), 'utf8').split('\n')) {
      if (!line.endsWith('}')) continue;
      const effect = JSON.parse(line) as Effect;
      const known = effects.get(effect.runId);
      if (known === undefined) effects.set(effect.runId, [effect]);
      else known.push(effect);
    }
  }
  return effects;
}
