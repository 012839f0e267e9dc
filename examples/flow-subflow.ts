// A flow as a node of another flow. It has its own context: `inputs` defines the initial values, `outputs` the values
// that are copied back at the end. A flow can also be the worker of a batch, and can choose the action of its node.
import assert from 'node:assert/strict';
import { Flow, withAction } from 'orchestrator/flow';

interface Check {
  isbn: string;
  strict: boolean;
}

const check = new Flow<Check>('check')
  .node('digits', (_input, { context: { isbn } }) => [...isbn].filter((sign) => sign >= '0' && sign <= '9').map(Number))
  .node('weigh', (digits) => digits.reduce((sum, digit, index) => sum + digit * (index % 2 === 0 ? 1 : 3), 0), {
    after: 'digits',
  })
  .node('verdict', (sum) => withAction(sum % 10 === 0 ? 'valid' : 'wrong', sum % 10), { after: 'weigh' });

interface Desk {
  book: { isbn: string };
  check?: { sum: number; digits: number };
}

const flow = new Flow<Desk>('shelve')
  .node('check', check, {
    inputs: { isbn: 'book.isbn' },
    outputs: { sum: 'weigh', digits: 'size(context.digits)' },
  })
  .node('shelve', ({ sum }) => `on the shelf, sum ${sum}`, { after: { check: 'valid' } })
  .node('return', ({ digits }) => `sent back: ${digits} digits that do not add up`, { after: { check: 'wrong' } });

const good = await flow.run({ book: { isbn: '978-0-306-40615-7' } });
console.log(good.output);
assert.equal(good.output, 'on the shelf, sum 100');
assert.deepEqual(good.context.check, { sum: 100, digits: 13 });
assert.ok(!('weigh' in good.context), 'what the sub-flow keeps in its context stays there');

const bad = await flow.run({ book: { isbn: '978-0-306-40615-8' } });
console.log(bad.output);
assert.equal(bad.output, 'sent back: 13 digits that do not add up');

// As the worker of a batch: one run of the sub-flow per item.
const shelf = new Flow<{ books: { isbn: string }[] }>('shelf').batch('checked', check, { items: 'books' });
const { output } = await shelf.run({ books: [{ isbn: '978-0-306-40615-7' }, { isbn: '978-0-306-40615-8' }] });
console.log(output);
assert.deepEqual(output, [0, 1]);
