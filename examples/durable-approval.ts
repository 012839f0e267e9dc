// A run waits for a person: for a signal that another program sends, or until a limit that counts over all lives. On the
// command line, the same signal is:
//
//     npx orchestrator journal signal expense-7 approved --value '{"by":"eve"}' --journal ./runs
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Orchestrator, TimeoutError } from 'orchestrator';
import { DurableFunction, fileJournal, waitFor } from 'orchestrator/durable';

interface Expense {
  readonly amount: number;
  /** Milliseconds until the expense is refused. */
  readonly patience: number;
}

const directory = await mkdtemp(join(tmpdir(), 'durable-approval-'));
const mails: string[] = [];

const orchestrator = new Orchestrator();
const sendMail = orchestrator.action('sendMail', async (text: string) => void mails.push(text));
const pay = orchestrator.action('pay', async (amount: number) => `paid ${amount}`);

const expense = new DurableFunction(
  'expense',
  async ({ amount, patience }: Expense) => {
    await sendMail(`please approve ${amount}`);
    try {
      const { by } = await waitFor<{ by: string }>('approved', { timeout: patience });
      await sendMail(`approved by ${by}`);
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      await sendMail('nobody has answered');
      return 'refused';
    }
    return pay(amount);
  },
  { orchestrator },
);

try {
  const journal = fileJournal(directory);
  const approved = await expense.start({ amount: 120, patience: 3 * 86_400_000 }, { id: 'expense-7', journal });
  const ignored = await expense.start({ amount: 900, patience: 50 }, { id: 'expense-8', journal });

  // Another program, which only knows the directory. A signal is kept if no program executes the run.
  const elsewhere = fileJournal(directory);
  const waiting = await elsewhere.list({ name: 'expense', status: 'running' });
  assert.ok(waiting.some(({ id }) => id === 'expense-7'));
  await elsewhere.signal('expense-7', 'approved', { by: 'eve' });

  assert.equal(await approved.result, 'paid 120');
  assert.equal(await ignored.result, 'refused');
  console.log(mails);
  assert.deepEqual(mails.toSorted(), [
    'approved by eve',
    'nobody has answered',
    'please approve 120',
    'please approve 900',
  ]);
  await Promise.all([journal.close(), elsewhere.close()]);
} finally {
  await rm(directory, { recursive: true });
}
