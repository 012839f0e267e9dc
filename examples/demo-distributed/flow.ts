import { AbortError } from 'orchestrator';
import { Flow, type NodeArgs, withAction } from 'orchestrator/flow';

/** Initial context of a run. */
export interface Order {
  readonly number: number;
}

/** Client for the services of a shop, over HTTP. */
export class Shop {
  constructor(private readonly url: string) {}

  /**
   * Asks the shop to perform a step of an order.
   *
   * @param key - idempotency key: the shop performs a step only once per key
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

/** If true, the order is urgent. Every fifth order is. */
const isUrgent = (number: number): boolean => number % 5 === 0;

/**
 * The way from an order to its invoice:
 *
 *     accept ─┬─► reserve ─┐                 ┌─► courier ────────────────────┐
 *             ├─► price ───┼─► quote ─action─┤                               ├─► invoice
 *             └─► route ───┘                 └─► pack ─► rest (200 ms) ─► parcel
 */
export const orderFlow = new Flow<Order>('order', { version: '1' })
  .node('accept', ask)
  .node('reserve', ask, { after: 'accept', retry: { retries: 5, minTimeout: 100 } })
  .node('price', ask, { after: 'accept' })
  .node('route', ask, { after: 'accept' })
  .node(
    'quote',
    async (_input, args) => {
      await ask(_input, args);
      return withAction(isUrgent(args.context.number) ? 'urgent' : 'normal', args.context.number);
    },
    { after: ['reserve', 'price', 'route'] },
  )
  .node('courier', ask, { after: { quote: 'urgent' } })
  .node('pack', ask, { after: { quote: 'normal' } })
  .sleep('rest', { after: 'pack', duration: 200 })
  .node('parcel', ask, { after: 'rest' })
  .node('invoice', ask, { after: ['courier', 'parcel'] });

/** Nodes that send no request. */
export const silentNodes: readonly string[] = ['rest'];

/** The nodes that the run of an order goes through. */
export function nodesOf(number: number): string[] {
  const delivery = isUrgent(number) ? ['courier'] : ['pack', 'rest', 'parcel'];
  return ['accept', 'reserve', 'price', 'route', 'quote', ...delivery, 'invoice'];
}

/** Asks the shop to perform the step that the node is named after. */
function ask(
  _input: unknown,
  { nodeId, context, idempotencyKey, dependencies, signal }: NodeArgs<Order>,
): Promise<unknown> {
  return (dependencies as Shop).ask(nodeId, { number: context.number }, idempotencyKey, signal);
}
