import { EngineError } from './errors.js';

/**
 * Asks something of a server.
 *
 * @param engine - what it is and where, for the error
 * @throws {EngineError} that says who has refused it, or did not answer
 */
export async function asked<Answer>(engine: string, work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(engine, 'has refused what it was asked, or did not answer', { cause: error });
  }
}
