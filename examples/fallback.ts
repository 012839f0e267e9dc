// Another action answers when one has failed for good, and a plain function when that fails, too. A fallback gets the
// arguments of the call; a function finds the failure in `this.error`.
import assert from 'node:assert/strict';
import { Orchestrator, TimeoutError } from 'orchestrator';

class InvalidQuestion extends Error {}

const orchestrator = new Orchestrator().onTaskCompletion(({ name, status, attempts }) => {
  console.log(`${name} ${status} after ${attempts} attempts`);
});

const askMirror = orchestrator.action(async function askMirror(question: string) {
  if (question.includes('weather')) throw new Error('the mirror has no forecast');
  return `mirror: ${question}`;
});

const ask = orchestrator.action(
  async function ask(question: string): Promise<string> {
    if (question === '') throw new InvalidQuestion('the question is empty');
    throw new Error('service unavailable');
  },
  {
    retry: { retries: 2, minTimeout: 1 },
    fallback: [
      askMirror,
      function (question) {
        return { unanswered: question, because: this.error.message };
      },
    ],
    fallbackOn: (error) => !(error instanceof InvalidQuestion),
  },
);

// All retries have failed, then the mirror answers, as a task of its own.
assert.equal(await ask('menu?'), 'mirror: menu?');

// The mirror fails as well. The type of the result is that of the action or of a fallback.
assert.deepEqual(await ask('weather?'), { unanswered: 'weather?', because: 'the mirror has no forecast' });

// No fallback is asked for this failure.
await assert.rejects(ask(''), InvalidQuestion);

// An abort from outside is not a failure that a fallback answers.
const hang = orchestrator.action(() => new Promise<string>(() => {}), { name: 'hang', fallback: () => 'never given' });
await assert.rejects(
  orchestrator.run(() => hang(), { timeout: 10 }),
  TimeoutError,
);
