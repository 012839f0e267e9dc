import { setTimeout as sleep } from 'node:timers/promises';
import { Flow, type NodeArgs, withAction } from 'orchestrator/flow';

/** Initial context of a run. */
export interface Refund {
  readonly customer: string;
  readonly amount: number;
  /** Key of the bank. The dashboard shows that it exists, but hides its value. */
  readonly apiKey: string;
}

/**
 * Small amounts are paid immediately. Larger ones wait for the signal `approval`:
 *
 *     check ─┬─small─────────────────┬─► pay ─► mail
 *            └─large─► approval ─────┘
 */
export const refundFlow = new Flow<Refund>('refund', { version: '1' })
  .node('check', async (_input, { context, signal }: NodeArgs<Refund>) => {
    await sleep(300, undefined, { signal });
    return withAction(context.amount < 100 ? 'small' : 'large', { amount: context.amount });
  })
  .wait('approval', { after: { check: 'large' } })
  .node(
    'pay',
    async (_input, { context, signal }: NodeArgs<Refund>) => {
      await sleep(500, undefined, { signal });
      if (context.amount % 7 === 0) throw refused(context);
      return { paid: context.amount, at: new Date() };
    },
    { after: { check: 'small', approval: true }, retry: { retries: 2, minTimeout: 800 } },
  )
  .node('mail', async (_input, { context }: NodeArgs<Refund>) => ({ to: context.customer }), { after: 'pay' });

/** An error with a cause, to show both in the dashboard. */
function refused({ customer, amount }: Refund): Error {
  const cause = Object.assign(new Error('connect ECONNREFUSED 192.0.2.7:443'), { code: 'ECONNREFUSED' });
  return new Error(`the bank did not take ${amount} for ${customer}`, { cause });
}
