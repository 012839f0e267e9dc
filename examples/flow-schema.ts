// A flow with schemas: what comes from outside is checked before anything runs, with every fault and its path, and the
// run gets the converted value. The output is checked at the end. The blueprint keeps the schemas as JSON Schemas, so a
// copy of the flow that is only data makes the same checks.
import assert from 'node:assert/strict';
import { ValidationError } from 'orchestrator';
import { Flow, FlowRuntime, type Graph } from 'orchestrator/flow';
import * as z from 'zod';

const flow = new Flow('holiday', {
  input: z.object({ name: z.string(), days: z.array(z.coerce.date()).min(1), note: z.string().default('') }),
  events: { approved: z.object({ by: z.string() }) },
  output: z.object({ name: z.string(), days: z.number(), by: z.string() }),
})
  .node('request', (request) => request)
  .wait('approval', { after: 'request', event: 'approved' })
  .node('enter', ({ request, approval }) => ({ name: request.name, days: request.days.length, by: approval.by }), {
    after: ['request', 'approval'],
  });

// Nothing runs with a wrong input. The error lists all faults.
const refused = await flow
  .run({}, { input: { name: 5, days: ['2027-02-01', 'soon'] } as never })
  .catch((error) => error);
assert.ok(refused instanceof ValidationError);
console.log(refused.message.replaceAll('; ', '\n'));

// Dates come as text, and arrive as dates. The note has a default.
const waiting = await flow.run({}, { input: { name: 'Ada', days: ['2027-02-01', '2027-02-02'] } });
assert.deepEqual(waiting.context.request, {
  name: 'Ada',
  days: [new Date('2027-02-01'), new Date('2027-02-02')],
  note: '',
});

// The payload of an event is checked in the same way, and the run keeps waiting.
await assert.rejects(flow.continue(waiting, { events: { approved: true as never } }), ValidationError);
const result = await flow.continue(waiting, { events: { approved: { by: 'Grace' } } });
console.log(result.status, result.output);
assert.deepEqual(result.output, { name: 'Ada', days: 2, by: 'Grace' });

// As data, the flow has JSON Schemas.
const graph: Graph = JSON.parse(JSON.stringify(flow.toBlueprint()));
assert.deepEqual(graph.events?.approved?.required, ['by']);
const runtime = new FlowRuntime({ registry: flow.registry });
await assert.rejects(runtime.run(graph, {}, { input: { name: 'Ada' } }), ValidationError);
