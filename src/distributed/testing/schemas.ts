import assert from 'node:assert/strict';
import { Flow, type StandardSchema } from '../../flow/index.js';
import { reaches, withFleet } from './fleet.js';
import { newId, type Suite, until } from './suite.js';
import { withoutCode } from './without-code.js';

/** Tests runs whose workflow has schemas: of its input, of the payloads of events, and of its output. */
export function testSchemas(suite: Suite): void {
  suite.describe('a run with schemas', () => {
    testDoor(suite);
    testOutput(suite);
    testSubflows(suite);
    testSenders(suite);
    testRefusals(suite);
  });
}

/** The length of a text of at most `most` characters. A length is no text, so the schema cannot be applied twice. */
function lengthOf(most = 10) {
  const checks: unknown[] = [];
  const validate = async (value: unknown) => {
    checks.push(value);
    if (typeof value !== 'string') return { issues: [{ message: 'expected a text', path: ['text'] }] };
    return value.length > most ? { issues: [{ message: 'too long' }] } : { value: value.length };
  };
  const jsonSchema = { input: () => ({ type: 'string' }) };
  const standard = { version: 1 as const, vendor: 'conformance', validate, jsonSchema };
  return { schema: { '~standard': standard } as StandardSchema as StandardSchema<string, number>, checks };
}

function waiting(name: string, options: { input?: StandardSchema; events?: Record<string, StandardSchema> }) {
  return new Flow(newId(name), options as never)
    .node('begin', (input) => input)
    .wait('go')
    .node('end', (payload, { context }) => [context.begin, payload])
    .edge('begin', 'go')
    .edge('go', 'end') as Flow;
}

function testDoor(suite: Suite): void {
  suite.it('is not started with an input that the schema refuses, and gets what the schema returns', async () => {
    const { schema, checks } = lengthOf();
    const flow = new Flow(newId('input'), { input: schema as never }).node('end', (length) => length) as Flow;
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const id = newId('refused');
      const refused = { name: 'ValidationError', message: 'input.text: expected a text' };
      await assert.rejects(orchestrator.startRun({}, 5, { id }), refused);
      await assert.rejects(orchestrator.start(flow, { id, input: 5 as never }), refused);
      await assert.rejects(orchestrator.run(id), { code: 'ERR_RUN_NOT_FOUND' });
      checks.length = 0;
      assert.equal((await finish({}, 'three')).output, 5);
      assert.deepEqual(checks, ['three']);
    });
  });

  suite.it('is not sent a payload that the schema refuses, and gets what the schema returns', async () => {
    const { schema, checks } = lengthOf();
    await withFleet(suite, [waiting('events', { events: { go: schema } })], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun({}, 1);
      await reaches(orchestrator, runId, 'awaiting');
      const { seq } = await lastEvent(orchestrator.events(runId, { follow: false }));
      const refused = { name: 'ValidationError', message: 'payload.text: expected a text' };
      await assert.rejects(orchestrator.signal(runId, 'go', 5), refused);
      assert.equal((await lastEvent(orchestrator.events(runId, { follow: false }))).seq, seq);
      await orchestrator.signal(runId, 'go', 'three');
      assert.equal(await orchestrator.signal(runId, 'go', 'three'), 'duplicate');
      assert.equal(await orchestrator.signal(runId, 'go', 'seven'), 'too-late');
      assert.deepEqual((await orchestrator.waitForCompletion(runId)).output, [1, 5]);
      checks.splice(2);
      assert.deepEqual(checks, [5, 'three']);
    });
  });
}

function testOutput(suite: Suite): void {
  suite.it('has the output that the schema returns', async () => {
    const { schema, checks } = lengthOf();
    const flow = new Flow(newId('output'), { output: schema as never }).node('end', () => 'three') as Flow;
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const { runId, status, output } = await finish();
      assert.deepEqual([status, output], ['completed', 5]);
      assert.equal((await orchestrator.result(runId)).output, 5);
      assert.deepEqual({ ...(await orchestrator.context(runId)) }, { end: 'three' });
      assert.deepEqual(checks, ['three']);
    });
  });

  suite.it('fails if the schema refuses its output, and is checked again when it is retried', async () => {
    let most = 2;
    const validate = (value: unknown) =>
      String(value).length > most ? { issues: [{ message: 'too long' }] } : { value };
    const output = { '~standard': { version: 1, vendor: 'conformance', validate } };
    let executed = 0;
    const flow = new Flow(newId('refused'), { output: output as never }).node('end', () => {
      executed++;
      return 'three';
    }) as Flow;
    await withoutCode(suite, [flow], async ({ orchestrator, withCode }) => {
      const runId = await withCode.startRun();
      const { status, error } = await withCode.waitForCompletion(runId);
      assert.deepEqual([status, error], ['failed', 'output: too long']);
      const { reason, errors } = await withCode.result(runId);
      assert.deepEqual([String(reason), errors], ['ValidationError: output: too long', []]);
      await withCode.retry(runId);
      assert.equal((await withCode.waitForCompletion(runId)).status, 'failed');
      most = 10;
      // Without the code, a worker has to check the output.
      await orchestrator.retry(runId);
      assert.deepEqual((await orchestrator.waitForCompletion(runId)).output, 'three');
      assert.equal(executed, 1);
    });
  });
}

function testSubflows(suite: Suite): void {
  suite.it('fails at the node of a sub-flow whose input or output is refused, without retrying it', async () => {
    const retry = { retries: 2, minTimeout: 1 };
    const inner = new Flow(newId('inner'), { input: lengthOf().schema as never }).node('a', (length) => length);
    const last = new Flow(newId('last'), { output: lengthOf().schema as never }).node('a', () => 5);
    for (const [sub, message] of [
      [inner, 'input of "sub".text: expected a text'],
      [last, 'output.text: expected a text'],
    ] as const) {
      const flow = new Flow(newId('outer')).node('sub', sub as never, { retry }) as Flow;
      await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
        const { runId, status, error } = await finish({}, 5);
        assert.deepEqual([status, error], ['failed', `node "sub" failed: ${message}`]);
        assert.equal((await orchestrator.metrics(runId)).attempts, 1);
      });
    }
  });

  suite.it('checks the payload of an event by the schema of the sub-flow that waits for the event', async () => {
    const { schema, checks } = lengthOf();
    const inner = new Flow(newId('inner'), { events: { go: schema } as never }).wait('go');
    const flow = new Flow(newId('outer')).node('sub', inner as never) as Flow;
    await withoutCode(suite, [flow], async ({ orchestrator, withCode }) => {
      const [one, two] = [await withCode.startRun(), await withCode.startRun()];
      for (const runId of [one, two]) await reaches(withCode, runId, 'awaiting');
      await assert.rejects(withCode.signal(one, 'go', 5), { message: 'payload.text: expected a text' });
      await withCode.signal(one, 'go', 'three');
      assert.equal((await withCode.waitForCompletion(one)).output, 5);
      // The graph of the sub-flow is not known without the code, so a worker checks the payload.
      await orchestrator.signal(two, 'go', 'four');
      assert.equal((await orchestrator.waitForCompletion(two)).output, 4);
      assert.deepEqual(checks, [5, 'three', 'four']);
    });
  });
}

function testSenders(suite: Suite): void {
  suite.it('is started without the code: what is wrong is refused, the rest converted by a worker, once', async () => {
    const { schema, checks } = lengthOf();
    const flow = new Flow(newId('coded'), { input: schema as never })
      .node('a', (length) => length)
      .node('b', (length) => length)
      .node('c', (both) => both)
      .edge('a', 'c')
      .edge('b', 'c') as Flow;
    await withoutCode(suite, [flow], async ({ orchestrator }) => {
      const start = (input: unknown, delay?: number) =>
        orchestrator.start(flow.name, delay === undefined ? { input } : { input, delay });
      await assert.rejects(start(5), { name: 'ValidationError' });
      for (const delay of [undefined, 50]) {
        checks.length = 0;
        const { id } = await start('three', delay);
        assert.deepEqual((await orchestrator.waitForCompletion(id)).output, { a: 5, b: 5 });
        assert.deepEqual([...new Set(checks)], ['three']);
      }
      const { id } = await start('much too long');
      const { status, error } = await orchestrator.waitForCompletion(id);
      assert.deepEqual([status, error], ['failed', 'input: too long']);
      assert.equal((await orchestrator.metrics(id)).attempts, 0);
    });
  });

  suite.it('gets signals without the code, before and after it waits for them', async () => {
    const { schema } = lengthOf();
    const flow = waiting('signalled', { input: schema, events: { go: schema } });
    await withoutCode(suite, [flow], async ({ orchestrator, withCode }) => {
      const [early, late, wrong] = await Promise.all(
        ['a', 'bb', 'ccc'].map((input, index) =>
          withCode.startRun({}, input, { delay: index === 0 ? 300 : 0, workflow: flow.name }),
        ),
      );
      await orchestrator.signal(early as string, 'go', 'three');
      assert.deepEqual((await orchestrator.waitForCompletion(early as string)).output, [1, 5]);
      for (const runId of [late, wrong]) await reaches(orchestrator, runId as string, 'awaiting');
      await assert.rejects(orchestrator.signal(late as string, 'go', 5), { name: 'ValidationError' });
      await orchestrator.signal(late as string, 'go', 'four');
      // Sent again with the code, which converts the payload.
      assert.equal(await withCode.signal(late as string, 'go', 'four'), 'duplicate');
      assert.deepEqual((await orchestrator.waitForCompletion(late as string)).output, [2, 4]);
      await orchestrator.signal(wrong as string, 'go', 'much too long');
      const { status, error } = await orchestrator.waitForCompletion(wrong as string);
      assert.deepEqual([status, error], ['failed', 'node "go" failed: events.go: too long']);
    });
  });

  suite.it('ends after a pause that a program without the code lifts', async () => {
    const { schema } = lengthOf();
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const flow = new Flow(newId('paused'), { output: schema as never }).node('end', async () => {
      await opened;
      return 'three';
    }) as Flow;
    await withoutCode(suite, [flow], async ({ orchestrator, withCode }) => {
      const runId = await withCode.startRun();
      await until(async () => assert.equal((await withCode.pendingWork(runId))[0]?.state, 'active'));
      await orchestrator.pause(runId);
      open();
      await until(async () => assert.deepEqual(await withCode.pendingWork(runId), []));
      await orchestrator.resume(runId);
      assert.equal((await orchestrator.waitForCompletion(runId)).output, 5);
    });
  });
}

function testRefusals(suite: Suite): void {
  /** A run that has failed because a worker refuses the payload of its event, although the sender could not. */
  const refusedBy = async (
    { orchestrator, withCode }: Parameters<Parameters<typeof withoutCode>[2]>[0],
    input: string,
  ) => {
    const runId = await withCode.startRun({}, input as never);
    await reaches(orchestrator, runId, 'awaiting');
    assert.equal(await orchestrator.signal(runId, 'go', 'much too long'), 'delivered');
    assert.equal((await orchestrator.waitForCompletion(runId)).status, 'failed');
    return runId;
  };

  suite.it('waits anew when it is retried after a worker has refused a payload', async () => {
    const { schema } = lengthOf();
    const flow = waiting('anew', { events: { go: schema } });
    await withoutCode(suite, [flow], async (fleet) => {
      const { orchestrator } = fleet;
      const runId = await refusedBy(fleet, 'a');
      assert.equal(await orchestrator.signal(runId, 'go', 'much too long'), 'too-late');
      await orchestrator.retry(runId);
      await reaches(orchestrator, runId, 'awaiting');
      assert.equal(await orchestrator.signal(runId, 'go', 'three'), 'delivered');
      assert.deepEqual((await orchestrator.waitForCompletion(runId)).output, ['a', 5]);
    });
  });

  suite.it('takes a payload that was kept when it is retried after a worker has refused another one', async () => {
    const { schema } = lengthOf();
    const flow = waiting('kept', { events: { go: schema } });
    await withoutCode(suite, [flow], async ({ orchestrator }) => {
      const { id } = await orchestrator.start(flow.name, { input: 'a', delay: 500 });
      assert.equal(await orchestrator.signal(id, 'go', 'much too long'), 'kept');
      assert.equal(await orchestrator.signal(id, 'go', 'three'), 'kept');
      assert.equal((await orchestrator.waitForCompletion(id)).status, 'failed');
      await orchestrator.retry(id);
      assert.deepEqual((await orchestrator.waitForCompletion(id)).output, ['a', 5]);
    });
  });

  suite.it('waits anew in a sub-flow whose payload a worker has refused, whatever retries the node has', async () => {
    const { schema } = lengthOf();
    const inner = new Flow(newId('inner'), { events: { go: schema } as never }).wait('go');
    const retry = { retries: 2, minTimeout: 1 };
    const flow = new Flow(newId('outer')).node('sub', inner as never, { retry }) as Flow;
    await withoutCode(suite, [flow], async (fleet) => {
      const { orchestrator } = fleet;
      const runId = await refusedBy(fleet, 'a');
      await orchestrator.retry(runId);
      await reaches(orchestrator, runId, 'awaiting');
      assert.equal(await orchestrator.signal(runId, 'go', 'three'), 'delivered');
      assert.equal((await orchestrator.waitForCompletion(runId)).output, 5);
    });
  });

  suite.it('has its input checked again when it is retried after a worker has refused the input', async () => {
    let most = 2;
    const validate = (value: unknown) =>
      String(value).length > most ? { issues: [{ message: 'too long' }] } : { value };
    const input = { '~standard': { version: 1, vendor: 'conformance', validate } };
    const flow = new Flow(newId('input'), { input: input as never }).node('end', (text) => text) as Flow;
    await withoutCode(suite, [flow], async ({ orchestrator }) => {
      const { id } = await orchestrator.start(flow.name, { input: 'three' });
      for (const limit of [2, 10]) {
        assert.equal((await orchestrator.waitForCompletion(id)).error, 'input: too long');
        most = limit;
        await orchestrator.retry(id);
      }
      assert.equal((await orchestrator.waitForCompletion(id)).output, 'three');
    });
  });
}

async function lastEvent<Event>(events: AsyncIterable<Event>): Promise<Event> {
  let last: Event | undefined;
  for await (const event of events) last = event;
  return last as Event;
}
