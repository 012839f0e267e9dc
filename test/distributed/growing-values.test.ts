import { DistributedOrchestrator, DistributedWorker, memory } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import * as z from 'zod';

/* Values that a schema makes larger than `maxPayload`. */

const maxPayload = 1_024;
const grown = z.string().transform((text) => text.repeat(2_000));
const tooLarge = (field: string) => new RegExp(`${field} must be at most 1024 bytes as text, got \\d+`);

const flows = {
  input: new Flow('input', { input: grown }).node('end', () => 'end'),
  event: new Flow('event', { events: { go: grown } }).wait('go').node('end', () => 'end', { after: 'go' }),
  output: new Flow('output', { output: grown as never }).node('end', () => 'x'),
};

async function onFleet(work: (sender: DistributedOrchestrator, withCode: DistributedOrchestrator) => Promise<void>) {
  const engine = memory();
  const workflows = Object.values(flows) as never;
  const worker = new DistributedWorker({ engine, workflows, maxPayload });
  await worker.start();
  try {
    await work(
      new DistributedOrchestrator({ engine, maxPayload }),
      new DistributedOrchestrator({ engine, workflows, maxPayload }),
    );
  } finally {
    await worker.stop();
    await engine.close();
  }
}

it('are refused where the program that sends them has the code', async () => {
  await onFleet(async (_, orchestrator) => {
    const large = { name: 'PayloadError', message: expect.stringMatching(tooLarge('')) };
    await expect(orchestrator.start('input', { input: 'x' })).rejects.toMatchObject({ ...large, field: 'input' });
    const { id } = await orchestrator.start('event');
    await expect(orchestrator.signal(id, 'go', 'x')).rejects.toMatchObject({ ...large, field: 'payload' });
  });
});

it('fail the run or the wait where only a worker applies the schema', async () => {
  await onFleet(async (orchestrator) => {
    const { id: first } = await orchestrator.start('input', { input: 'x' });
    expect((await orchestrator.waitForCompletion(first)).error).toMatch(tooLarge('input'));
    const { id: second } = await orchestrator.start('event');
    await orchestrator.signal(second, 'go', 'x');
    expect((await orchestrator.waitForCompletion(second)).error).toMatch(
      /node "go" failed: .*must be at most 1024 bytes/,
    );
    await orchestrator.retry(second);
    await expect.poll(() => orchestrator.status(second)).toBe('awaiting');
    expect(await orchestrator.signal(second, 'go', '')).toBe('delivered');
    expect((await orchestrator.waitForCompletion(second)).output).toBe('end');
  });
});

it('fail the run as its output', async () => {
  await onFleet(async (orchestrator) => {
    const { id } = await orchestrator.start('output');
    expect(await orchestrator.waitForCompletion(id)).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(tooLarge('output')),
    });
  });
});
