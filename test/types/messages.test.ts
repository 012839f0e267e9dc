import { expect, it } from 'vitest';
import { errorsIn } from './compiling.js';

/** Returns the errors that TypeScript reports for the lines, each with the code that it underlines. */
function errorsOf(lines: readonly string[]): string[] {
  const head = ["import { Orchestrator } from 'orchestrator';", 'const orchestrator = new Orchestrator();'];
  return errorsIn([...head, ...lines]).map(({ code, message }) => `${code}: ${message.at(2) ?? message[0]}`);
}

it('report a wrong option of an action at the option, not at the function', () => {
  const errors = errorsOf([
    'orchestrator.action(async (id: string) => id, { retries: 3 });',
    "orchestrator.action(async (id: string) => id, { timeout: '3s' });",
    'orchestrator.action(async (id: string) => id, { timeout: { atempt: 3 } });',
    'orchestrator.action(async (id: string) => id, { fallback: (n: number) => n });',
    'orchestrator.action(function (this: Date, id: string) { return id; }, { retries: 3 });',
    'orchestrator.action(<Item>(item: Item) => item, { retries: 3 });',
  ]);
  expect(errors).toEqual([
    expect.stringMatching(/^retries: +Object literal may only specify known properties, and 'retries' does not exist/),
    expect.stringMatching(/^timeout: +Type 'string' is not assignable to type 'number \| TimeoutOptions</),
    expect.stringMatching(/^atempt: .*'atempt' does not exist .* Did you mean to write 'attempt'\?/),
    expect.stringMatching(/^fallback: +Type '\(n: number\) => number' is not assignable to type 'Fallbacks</),
    expect.stringMatching(/^retries: .*'retries' does not exist/),
    expect.stringMatching(/^retries: .*'retries' does not exist/),
  ]);
});
