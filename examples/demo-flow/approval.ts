import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { FileCheckpointStore, Flow, type NodeArgs, TooLateError, type WorkflowResult } from 'orchestrator/flow';
import type { Wholesaler } from './flow.js';
import type { Print } from './report.js';
import { createRuntime } from './scenario.js';
import type { BookServer } from './server.js';

/** Milliseconds within which the owner of the shop has to approve an order. */
export const approvalTimeout = 1_500;

/** Title and price of the books to be ordered. */
interface Quote {
  readonly title: string;
  readonly dollars: number;
}

/** A bulk order, which the owner of the shop has to approve in time. */
const bulkOrder = new Flow('bulk-order')
  .node('quote', (_input, { dependencies, signal }: NodeArgs) =>
    (dependencies as Wholesaler).get<Quote>('/books/57', signal),
  )
  .wait('approval', { after: 'quote', event: 'approved', timeout: approvalTimeout })
  .node(
    'order',
    ({ copies }: { copies: number }, { context, dependencies, signal }) => {
      const { title } = (context as { quote: Quote }).quote;
      return (dependencies as Wholesaler).post('/orders', { title, copies }, signal);
    },
    { after: 'approval' },
  )
  .node('defer', ({ title }: Quote) => `${title} is put off until spring`, { after: { approval: 'timeout' } });

/** Two orders: one is approved in time, the other one too late. */
export interface Approvals {
  readonly approved: WorkflowResult;
  readonly expired: WorkflowResult;
  /** The error for the approval that came after the wait had expired. */
  readonly refusal: unknown;
}

/** Starts two orders, approves one of them in time and the other one when its wait has expired. */
export async function approveTwice({ url }: BookServer, directory: string, print: Print): Promise<Approvals> {
  const runtime = createRuntime(url, print);
  const checkpoint = new FileCheckpointStore(directory);
  const note = (text: string) => print(`  ${styleText('magenta', '■')} ${text}`);
  const events = { approved: { copies: 20 } };
  await runtime.run(bulkOrder, {}, { runId: 'first', checkpoint });
  note('the first order waits, and is approved in time');
  const approved = await runtime.continue(bulkOrder, 'first', { checkpoint, events });

  const waiting = await runtime.run(bulkOrder, {}, { runId: 'second', checkpoint });
  const until = waiting.awaiting[0]?.until ?? 0;
  note(`the second order waits for ${approvalTimeout} ms; nobody approves it`);
  while (Date.now() < until) await sleep(until - Date.now());
  const refusal = await runtime.continue(bulkOrder, 'second', { checkpoint, events }).catch((error: unknown) => error);
  if (refusal instanceof TooLateError) note('an approval comes, and is refused: it is too late');
  const expired = await runtime.continue(bulkOrder, 'second', { checkpoint });
  return { approved, expired, refusal };
}
