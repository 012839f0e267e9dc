// A flow as data: a graph in JSON, from a file or an editor. Its nodes refer to functions in a registry by name;
// conditions, transforms and inputs are expressions. All errors in a graph are reported at once, before anything runs.
import assert from 'node:assert/strict';
import { BlueprintError, FlowRuntime, type Graph, GraphBuilder, type NodeArgs, withAction } from 'orchestrator/flow';

const text = `{
  "id": "order",
  "nodes": [
    { "id": "total", "uses": "sum", "inputs": "lines" },
    { "id": "rate", "uses": "rate", "params": { "limit": 100 } },
    { "id": "letters", "uses": "batch", "params": { "worker": "spell", "items": "lines", "concurrency": 2 } },
    { "id": "pay", "uses": "pay", "config": { "retry": 1, "timeout": 1000 } },
    { "id": "ship", "uses": "ship", "inputs": { "paid": "pay", "to": "customer.city" } }
  ],
  "edges": [
    { "source": "total", "target": "rate" },
    { "source": "rate", "target": "letters", "action": "large" },
    { "source": "rate", "target": "pay", "transform": "{'sum': output * 0.9, 'customer': context.customer.name}" },
    { "source": "rate", "target": "pay", "action": "large", "transform": "{'sum': output, 'customer': 'bank'}" },
    { "source": "pay", "target": "ship", "condition": "isPaid" },
    { "source": "letters", "target": "ship" }
  ]
}`;

interface Line {
  name: string;
  price: number;
}

const registry = {
  sum: (lines: Line[]) => lines.reduce((sum, { price }) => sum + price, 0),
  rate: (total: number, { params }: NodeArgs) => withAction(total > params.limit ? 'large' : 'small', total),
  spell: ({ name }: Line) => name.toUpperCase(),
  pay: ({ sum, customer }: { sum: number; customer: string }) => ({ sum, customer, paid: true }),
  isPaid: ({ paid }: { paid: boolean }) => paid,
  ship: ({ paid, to }: { paid: { sum: number; customer: string }; to: string }) =>
    `to ${to}, ${paid.sum} paid by ${paid.customer}`,
};

const flow = new GraphBuilder(registry).build(JSON.parse(text));
const customer = { name: 'Ada', city: 'London' };
const small = await flow.run({ customer, lines: [{ name: 'tea', price: 50 }] });
console.log(small.output);
assert.equal(small.output, 'to London, 45 paid by Ada');
assert.deepEqual(small.skipped, ['letters']);

const large = await flow.run({ customer, lines: [{ name: 'engine', price: 900 }] });
console.log(large.output);
assert.equal(large.output, 'to London, 900 paid by bank');
assert.deepEqual(large.context.letters, ['ENGINE']);

// A runtime accepts the data directly. A flow can also be converted back to data.
const runtime = new FlowRuntime({ registry });
const blueprint = JSON.parse(JSON.stringify(flow.toBlueprint()));
const again = await runtime.run(blueprint, { customer, lines: [] });
assert.equal(again.output, 'to London, 0 paid by Ada');

const wrong: Graph = {
  id: 'wrong',
  nodes: [
    { id: 'a', uses: 'sum' },
    { id: 'a', uses: 'sum' },
    { id: 'b', uses: 'teleport' },
  ],
  edges: [{ source: 'b', target: 'c', condition: 'output >' }],
};
assert.throws(
  () => new GraphBuilder(registry).build(wrong),
  (error) => {
    assert.ok(error instanceof BlueprintError);
    console.log(error.message);
    return error.faults.length > 1;
  },
);
