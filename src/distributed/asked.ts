import pTimeout from 'p-timeout';
import { EngineError } from './errors.js';

/**
 * Asks something of a server.
 *
 * @param engine - what it is and where, for the error
 * @param timeout - how long to wait for the answer, in milliseconds; default: without end
 * @throws {EngineError} that says who has refused it, or did not answer
 */
export async function asked<Answer>(engine: string, work: () => Promise<Answer>, timeout?: number): Promise<Answer> {
  try {
    if (timeout === undefined) return await work();
    const fallback = () => {
      throw new EngineError(engine, `did not answer within ${timeout} ms`);
    };
    return await pTimeout(work(), { milliseconds: timeout, fallback });
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(engine, 'has refused what it was asked, or did not answer', { cause: error });
  }
}
