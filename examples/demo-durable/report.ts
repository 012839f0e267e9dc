import { styleText } from 'node:util';
import { concurrency, type Total } from './scenario.js';
import { itemCount, priceOf, type Request, type Shop } from './server.js';

const kills = 3;
const perRow = 30;

/** How often each item was answered, as a grid: a digit per item. */
export function drawItems({ requests }: Pick<Shop, 'requests'>): string[] {
  const digits = [...requests.values()].map((seen) => {
    const count = answersIn(seen);
    return count === 1 ? styleText('green', '1') : styleText('yellow', String(count));
  });
  const rows: string[] = [];
  for (let at = 0; at < digits.length; at += perRow) {
    rows.push(`  item-${String(at + 1).padEnd(4)} ${digits.slice(at, at + perRow).join(' ')}`);
  }
  return rows;
}

/** The requests for the items that were answered more than once. */
export function drawRepeated({ requests }: Pick<Shop, 'requests'>): string[] {
  const repeated = [...requests].filter(([, seen]) => answersIn(seen) > 1);
  const rows = repeated.map(([item, seen]) => {
    const keys = [...new Set(seen.map(({ key }) => key))];
    return `  ${item.padEnd(10)} ${seen
      .map(({ outcome }) => outcome)
      .join(', ')
      .padEnd(40)} ${keys.join(' ')}`;
  });
  return [styleText('dim', `  ${'item'.padEnd(10)} ${'requests'.padEnd(40)} idempotency key`), ...rows];
}

/** What the demo promises and what was not so. Empty if all is well. */
export function faultsIn({ requests }: Pick<Shop, 'requests'>, total: Total): string[] {
  const faults: string[] = [];
  const all = [...requests];
  const price = all.reduce((sum, [item]) => sum + priceOf(item), 0);
  const repetitions = all.reduce((sum, [, seen]) => sum + Math.max(0, answersIn(seen) - 1), 0);
  const missing = all.filter(([, seen]) => answersIn(seen) === 0);
  const several = all.filter(([, seen]) => new Set(seen.map(({ key }) => key)).size !== 1);
  if (missing.length > 0) faults.push(`${missing.length} items never reached the shop`);
  if (several.length > 0) faults.push(`${several.length} items had more than one idempotency key`);
  if (repetitions > kills * concurrency) faults.push(`${repetitions} items were repeated`);
  if (new Set(all.flatMap(([, seen]) => seen.map(({ key }) => key))).size !== itemCount)
    faults.push('two items had the same idempotency key');
  if (total.price !== price || total.items !== itemCount || total.by !== 'eve')
    faults.push(`the result is ${JSON.stringify(total)}, not the sum of all items`);
  return faults;
}

/** The numbers in short. */
export function sumUp(shop: Shop): readonly (readonly [name: string, text: string])[] {
  const seen = [...shop.requests.values()];
  const count = (outcome: Request['outcome']) => seen.flat().filter((request) => request.outcome === outcome).length;
  const once = seen.filter((each) => answersIn(each) === 1).length;
  return [
    ['answered exactly once', `${once} of ${itemCount} items`],
    ['repeated', `${itemCount - once} items, at most ${kills} kills × ${concurrency} at once`],
    [
      'requests',
      `${seen.flat().length}: ${count('refused')} refused, ${count('cut')} cut, ${count('lost')} lost by kills`,
    ],
    ['lists of items', `${shop.lists()}`],
  ];
}

function answersIn(seen: readonly Request[]): number {
  return seen.filter(({ outcome }) => outcome === 'answered').length;
}
