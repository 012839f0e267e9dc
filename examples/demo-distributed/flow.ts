import { AbortError } from 'orchestrator';
import { Flow, type NodeArgs, withAction } from 'orchestrator/flow';

/** What a run begins with. */
export interface Order {
  readonly number: number;
}

/** The services of a shop, over HTTP. */
export class Shop {
  constructor(private readonly url: string) {}

  /**
   * Asks for a step of an order to be done.
   *
   * @param key - by which the shop knows a step again that is asked for twice, and does it once
   */
  async ask<Answer>(step: string, body: unknown, key: string, signal: AbortSignal): Promise<Answer> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    const response = await fetch(`${this.url}/${step}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      signal,
    });
    if (response.ok) return (await response.json()) as Answer;
    const error = new Error(`${response.status}, ${await response.text()}`);
    throw response.status < 500 ? new AbortError(error) : error;
  }
}

/** Every fifth order is in a hurry. */
const isUrgent = (number: number): boolean => number % 5 === 0;

/**
 * From an order to its invoice:
 *
 *     accept ─┬─► reserve ─┐                 ┌─► courier ────────────────────┐
 *             ├─► price ───┼─► quote ─action─┤                               ├─► invoice
 *             └─► route ───┘                 └─► pack ─► rest (200 ms) ─► parcel
 */
export const orderFlow = new Flow<Order>('order', { version: '1' })
  .node('accept', ask)
  .node('reserve', ask, { retry: { retries: 5, minTimeout: 100 } })
  .node('price', ask)
  .node('route', ask)
  .node('quote', async (_input, args) => {
    await ask(_input, args);
    return withAction(isUrgent(args.context.number) ? 'urgent' : 'normal', args.context.number);
  })
  .node('courier', ask)
  .node('pack', ask)
  .sleep('rest', { duration: 200 })
  .node('parcel', ask)
  .node('invoice', ask)
  .edge('accept', 'reserve')
  .edge('accept', 'price')
  .edge('accept', 'route')
  .edge('reserve', 'quote')
  .edge('price', 'quote')
  .edge('route', 'quote')
  .edge('quote', 'courier', { action: 'urgent' })
  .edge('quote', 'pack', { action: 'normal' })
  .edge('pack', 'rest')
  .edge('rest', 'parcel')
  .edge('courier', 'invoice')
  .edge('parcel', 'invoice');

/** Those that ask nobody for anything. */
export const silentNodes: readonly string[] = ['rest'];

/** The nodes that the run of an order goes through. */
export function nodesOf(number: number): string[] {
  const delivery = isUrgent(number) ? ['courier'] : ['pack', 'rest', 'parcel'];
  return ['accept', 'reserve', 'price', 'route', 'quote', ...delivery, 'invoice'];
}

/** Has the shop do the step that a node is named after. */
function ask(
  _input: unknown,
  { nodeId, context, idempotencyKey, dependencies, signal }: NodeArgs<Order>,
): Promise<unknown> {
  return (dependencies as Shop).ask(nodeId, { number: context.number }, idempotencyKey, signal);
}
