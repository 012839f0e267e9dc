import { fork } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs a script in a separate process and returns the value that it sends.
 *
 * @param {URL} script
 * @param {readonly string[]} args
 * @param {import('node:child_process').ForkOptions} options
 */
export async function resultOf(script, args, options) {
  const child = fork(script, args, options);
  let result;
  child.on('message', (message) => {
    result = message;
  });
  const [code] = await once(child, 'exit');
  if (code !== 0 || result === undefined) throw new Error(`${script} ended with code ${code}`);
  return result;
}
