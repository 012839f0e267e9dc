import { setTimeout as sleep } from 'node:timers/promises';
import { Flow, type NodeArgs, withAction } from 'orchestrator/flow';

/** What a run begins with. */
export interface Refund {
  readonly customer: string;
  readonly amount: number;
  /** Of the bank: whoever looks at the run sees that it is there, and not what it is. */
  readonly apiKey: string;
}

/**
 * Small amounts are paid at once; for others somebody has to send the signal `approval`:
 *
 *     check ─┬─small─────────────────┬─► pay ─► mail
 *            └─large─► approval ─────┘
 */
export const refundFlow = new Flow<Refund>('refund', { version: '1' })
  .node('check', async (_input, { context, signal }: NodeArgs<Refund>) => {
    await sleep(300, undefined, { signal });
    return withAction(context.amount < 100 ? 'small' : 'large', { amount: context.amount });
  })
  .wait('approval')
  .node(
    'pay',
    async (_input, { context, signal }: NodeArgs<Refund>) => {
      await sleep(500, undefined, { signal });
      if (context.amount % 7 === 0) throw refused(context);
      return { paid: context.amount, at: new Date() };
    },
    { retry: { retries: 2, minTimeout: 800 } },
  )
  .node('mail', async (_input, { context }: NodeArgs<Refund>) => ({ to: context.customer }))
  .edge('check', 'pay', { action: 'small' })
  .edge('check', 'approval', { action: 'large' })
  .edge('approval', 'pay')
  .edge('pay', 'mail');

/** What fails says why, down to the first cause. */
function refused({ customer, amount }: Refund): Error {
  const cause = Object.assign(new Error('connect ECONNREFUSED 192.0.2.7:443'), { code: 'ECONNREFUSED' });
  return new Error(`the bank did not take ${amount} for ${customer}`, { cause });
}
