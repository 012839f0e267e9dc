import { setTimeout as wait } from 'node:timers/promises';
import { EngineError } from '../errors.js';

/** Codes of errors that pass: the server restarts, the connection is lost, two transactions were in each other's way. */
const transient = /^(08...|57P0[123]|53300|40001|40P01|ECONN(REFUSED|RESET)|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/;

/** Codes of errors that come again: the text holds what cannot be kept, or is too large (classes 22 and 54). */
const final = /^(22|54)...$/;
/** The server could not get memory for one value, whatever else it does. */
const tooLarge = /invalid memory alloc request size/;

/** What drivers say without a code. */
const lost =
  /connection (terminated|ended|closed)|timeout exceeded when trying to connect|client has encountered a connection error/i;

/** Does something again while the database cannot be reached. What is done has to be the same when it is done twice. */
export async function persistently<Result>(
  name: string,
  timeout: number,
  work: () => Promise<Result>,
): Promise<Result> {
  const began = performance.now();
  for (let pause = 20; ; pause = Math.min(2 * pause, 500)) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof EngineError) throw error;
      const { code, message } = Object(error) as { code?: unknown; message?: unknown };
      const passes = transient.test(String(code)) || lost.test(String(message));
      const isFinal = final.test(String(code)) || tooLarge.test(String(message));
      if (!passes) throw new EngineError(name, 'has refused a statement', { cause: error, isFinal });
      if (performance.now() - began + pause > timeout) {
        throw new EngineError(name, `could not be reached for ${timeout} ms`, { cause: error });
      }
      await wait(pause);
    }
  }
}
