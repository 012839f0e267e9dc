import { CommanderError } from 'commander';
import { report } from './errors.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { programOf } from './program.js';
import { Session } from './session.js';

/**
 * Runs one call of the command line and returns its exit code. Never rejects.
 *
 * @param argv - the arguments, without the name of the program
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const session = new Session(io);
  session.configure({ verbose: argv.includes('--verbose'), color: !argv.includes('--no-color') });
  return Promise.race([carryOut(argv, session), session.cut]).catch((error) => failed(session, error));
}

async function carryOut(argv: readonly string[], session: Session): Promise<number> {
  try {
    const code = await parsed(argv, session);
    await session.stdout.flushed();
    if (session.failure !== undefined) throw session.failure;
    return code;
  } catch (error) {
    return failed(session, error);
  }
}

async function parsed(argv: readonly string[], session: Session): Promise<number> {
  try {
    await programOf(session).parseAsync(argv, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has already printed the help or the error in the arguments.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
}

function failed(session: Session, error: unknown): number {
  report(session, error);
  return exitCodeOf(error);
}
