import { AbortError } from 'orchestrator';
import { type ActionResult, Flow, type NodeArgs, withAction } from 'orchestrator/flow';

interface Book {
  readonly title: string;
  readonly publisher: string;
  readonly dollars: number;
  readonly stock: number;
}

interface Offer {
  readonly name: string;
  readonly percent: number;
}

interface Receipt {
  readonly number: number;
}

interface Discount {
  readonly publisher: string;
  readonly percent: number;
}

/** Context of the flow: the outputs of all nodes, by id. */
export interface Shelf {
  catalogue: { readonly season: string; readonly books: readonly number[] };
  rates: { readonly centsPerDollar: number };
  price: {
    readonly prices: readonly { readonly title: string; readonly cents: number }[];
    readonly publishers: readonly string[];
  };
  haggle: Discount;
  keep: Discount;
  order: Receipt;
}

/** Output of the flow. */
export interface PriceList extends Receipt {
  readonly season: string;
  readonly cheapest: string;
  readonly dearest: string;
  readonly discount: string;
  readonly order: string;
}

/** Number of books requested at the same time. */
export const booksAtOnce = 8;

export class HttpError extends Error {
  constructor(
    readonly status: number,
    text: string,
  ) {
    super(`${status}, ${text}`);
  }
}

/** Client for the wholesaler's service. */
export class Wholesaler {
  constructor(private readonly url: string) {}

  async get<Answer>(path: string, signal: AbortSignal): Promise<Answer> {
    return this.#ask(path, { signal });
  }

  async post<Answer>(path: string, body: unknown, signal: AbortSignal): Promise<Answer> {
    return this.#ask(path, { method: 'POST', body: JSON.stringify(body), signal });
  }

  async #ask<Answer>(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(this.url + path, init);
    if (response.ok) return (await response.json()) as Answer;
    const error = new HttpError(response.status, String(await response.json()));
    throw response.status < 500 ? new AbortError(error) : error;
  }
}

/** Creates a node that requests a path, in which `:input` is replaced by its input. The runtime provides the client. */
function get<Answer>(path: string) {
  return (input: unknown, { dependencies, signal }: NodeArgs) =>
    (dependencies as Wholesaler).get<Answer>(path.replace(':input', String(input)), signal);
}

/** Asks publishers for a discount and takes the best one: a sub-flow with its own context. */
const haggle = new Flow<{ publishers: readonly string[] }>('haggle')
  .batch('offers', get<Offer>('/publishers/:input'), { items: 'publishers', concurrency: 2 })
  .node('best', (offers) => offers.toSorted((one, other) => other.percent - one.percent)[0], {
    after: 'offers',
  });

/** The way from the wholesaler's catalogue to this season's price list. */
export const priceList = new Flow<Shelf>('price-list')
  .node('catalogue', get<Shelf['catalogue']>('/catalogue'), { timeout: 5_000 })
  .node('rates', get<Shelf['rates']>('/rates'), { retry: { retries: 1, minTimeout: 20 }, fallback: 'oldRates' })
  .node('oldRates', get<Shelf['rates']>('/rates/yesterday'))
  .batch('books', get<Book>('/books/:input'), {
    after: ['catalogue', 'rates'],
    items: 'catalogue.books',
    concurrency: booksAtOnce,
    retry: { retries: 2, minTimeout: 20 },
  })
  .node('price', setPrices, { after: 'books' })
  .node('haggle', haggle, {
    after: { price: 'dear' },
    inputs: { publishers: 'price.publishers' },
    outputs: { publisher: 'best.name', percent: 'best.percent' },
  })
  .node('keep', () => ({ publisher: 'nobody', percent: 0 }), { after: { price: 'fair' } })
  .node(
    'count',
    (books) => ({
      scarce: books.filter(({ stock }) => stock === 0).map(({ title }) => title),
      tooMany: books.filter(({ stock }) => stock > 11).map(({ title }) => title),
    }),
    { after: 'books' },
  )
  .node('order', ({ scarce }, { dependencies, signal }) => dependencies.post('/orders', scarce, signal), {
    after: 'count',
    condition: 'size(output.scarce) > 0',
  })
  .node('sale', () => 'announced', { after: 'count', condition: 'size(output.tooMany) > 0' })
  .node('list', publish, { after: ['haggle', 'keep', 'order', 'sale'] });

/** Chooses the next node: a discount is negotiated if the list has expensive books. */
function setPrices(books: readonly Book[], { context }: NodeArgs<Shelf>): ActionResult {
  const { centsPerDollar } = context.rates;
  const cheapestFirst = books.toSorted((one, other) => one.dollars - other.dollars);
  const prices = cheapestFirst.map(({ title, dollars }) => ({ title, cents: dollars * centsPerDollar }));
  const dear = books.filter(({ dollars }) => dollars >= 40);
  const publishers = [...new Set(dear.map(({ publisher }) => publisher))].sort();
  return withAction(dear.length > 0 ? 'dear' : 'fair', { prices, publishers });
}

/** A node after several paths gets an object with the outputs of the predecessors that have run. */
async function publish(
  { haggle, keep, order }: Partial<Pick<Shelf, 'haggle' | 'keep' | 'order'>>,
  { context, dependencies, signal }: NodeArgs<Shelf>,
): Promise<PriceList> {
  const { percent, publisher } = haggle ?? keep ?? {};
  const { prices } = context.price;
  const [cheapest, dearest] = [prices[0], prices.at(-1)].map((price) => `${price?.title}, ${price?.cents} cents`);
  const written = {
    season: context.catalogue.season,
    cheapest: String(cheapest),
    dearest: String(dearest),
    discount: `${percent} % by ${publisher}`,
    order: order === undefined ? 'none' : `number ${order.number}`,
  };
  const { number } = await (dependencies as Wholesaler).post<Receipt>('/lists', written, signal);
  return { number, ...written };
}
