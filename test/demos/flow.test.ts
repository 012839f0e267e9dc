import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { FileCheckpointStore, FlowRuntime, TooLateError, type WorkflowResult } from 'orchestrator/flow';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Approvals, approvalTimeout, approveTwice } from '../../examples/demo-flow/approval.js';
import { booksAtOnce, HttpError, priceList, type Shelf } from '../../examples/demo-flow/flow.js';
import { describeGraph } from '../../examples/demo-flow/report.js';
import {
  firstBookMissed,
  type Interruption,
  makePriceList,
  runId,
  stopAndResume,
} from '../../examples/demo-flow/scenario.js';
import { type BookServer, bookCount, type Exchange, startBookServer } from '../../examples/demo-flow/server.js';

const expectedOutput = {
  number: 1,
  season: 'winter',
  cheapest: 'Volume 40, 450 cents',
  dearest: 'Volume 57, 3960 cents',
  discount: '9 % by Birch',
  order: 'number 1',
};
const completed = ['books', 'catalogue', 'count', 'haggle', 'list', 'oldRates', 'order', 'price', 'rates'];
const skipped = ['keep', 'sale'];

function bookRequests(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `GET /books/${from + index}`);
}

function requestsOf(exchanges: readonly Exchange[], status?: number): string[] {
  return exchanges.filter((exchange) => exchange.status === status).map(({ request }) => request);
}

/** Lines of one node are in a fixed order; lines of different nodes are not. */
function linesAbout(log: readonly string[], name: string): string[] {
  return log.map((line) => line.trim().replace(/ +/g, ' ')).filter((line) => line.slice(2).startsWith(name));
}

describe('the demo of flows', () => {
  const log: string[] = [];
  let server: BookServer;
  let result: WorkflowResult<Shelf>;
  let printed: unknown[];

  beforeAll(async () => {
    const outputs = [
      ...[process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write')),
      ...(['log', 'info', 'warn', 'error', 'debug'] as const).map((method) => vi.spyOn(console, method)),
    ];
    server = await startBookServer();
    result = await makePriceList(server.url, (line) => log.push(stripVTControlCharacters(line)));
    await server.quiet();
    printed = outputs.flatMap(({ mock }) => mock.calls);
    for (const output of outputs) output.mockRestore();
  });

  afterAll(() => server.stop());

  it('is a flow without faults, with one start for each source', () => {
    expect(() => new FlowRuntime().validate(priceList)).not.toThrow();
    expect(priceList.analyze()).toMatchObject({
      startNodeIds: ['catalogue', 'rates'],
      cycles: [],
      unreachableNodeIds: [],
      longestPath: ['catalogue', 'books', 'price', 'haggle', 'list'],
      isDag: true,
    });
  });

  it('describes its graph before it runs', () => {
    const lines = describeGraph(priceList);
    expect(lines.slice(0, 11).map((line) => line.trim().replace(/ +/g, ' '))).toEqual([
      'catalogue → books',
      'rates → books; oldRates (fallback)',
      'oldRates',
      'books (batch) → price; count',
      'price → haggle [dear]; keep [fair]',
      'haggle (subflow) → list',
      'keep → list',
      'count → order [size(output.scarce) > 0]; sale [size(output.tooMany) > 0]',
      'order → list',
      'sale → list',
      'list',
    ]);
  });

  it('makes the price list and publishes it once', () => {
    expect(result.status).toBe('completed');
    expect(result.output).toEqual(expectedOutput);
    const { number, ...published } = expectedOutput;
    expect(server.posted).toEqual({ lists: [published], orders: [expect.any(Array)] });
    expect(server.posted.lists).toHaveLength(number);
  });

  it('takes one branch by action and one by condition, and skips the others', () => {
    expect([...result.completed].sort()).toEqual(completed);
    expect([...result.skipped].sort()).toEqual(skipped);
    expect(server.posted.orders).toEqual([[12, 24, 36, 48, 60].map((number) => `Volume ${number}`)]);
  });

  it('requests each book once, at most eight at a time, and one book again after its failure', () => {
    const requests = server.exchanges.map(({ request }) => request).filter((request) => request.includes('/books/'));
    expect(requests.toSorted()).toEqual([...bookRequests(1, bookCount), 'GET /books/7'].sort());
    expect(requestsOf(server.exchanges, 503)).toContain('GET /books/7');
    expect(server.mostBooksAtOnce).toBeGreaterThan(1);
    expect(server.mostBooksAtOnce).toBeLessThanOrEqual(booksAtOnce);
    expect(linesAbout(log, 'books[6]')).toEqual(['↻ books[6] attempt 1: 503, the shelf is being moved; again']);
  });

  it('uses the output of the fallback, and keeps the error', () => {
    expect(result.errors).toEqual([
      expect.objectContaining({ nodeId: 'rates', attempts: 2, recoveredBy: 'oldRates', cause: expect.any(HttpError) }),
    ]);
    expect(result.context.rates).toEqual({ centsPerDollar: 90 });
    expect(server.exchanges.filter(({ request }) => request === 'GET /rates')).toHaveLength(2);
  });

  it('runs the sub-flow in its own context, and copies the mapped outputs', () => {
    expect(result.context.haggle).toEqual({ publisher: 'Birch', percent: 9 });
    expect(result.context).not.toHaveProperty('offers');
    const asked = server.exchanges.map(({ request }) => request).filter((request) => request.includes('/publishers/'));
    expect(asked.toSorted()).toEqual(['Arden', 'Birch', 'Cedar'].map((name) => `GET /publishers/${name}`));
  });

  it('logs the events of each node, using the hooks of the kernel', () => {
    expect(linesAbout(log, 'rates')).toEqual([
      '▸ rates begins',
      '↻ rates attempt 1: 503, the bank is closed; again',
      '✗ rates failed, 2 attempts: 503, the bank is closed',
    ]);
    expect(linesAbout(log, 'books ')).toEqual([
      '▸ books begins',
      ...[10, 20, 30, 40, 50, 60].map((count) => `✓ books ${count} items`),
      '✓ books completed',
    ]);
    for (const name of completed) expect(linesAbout(log, `${name} begins`), name).toHaveLength(1);
    for (const name of skipped) expect(linesAbout(log, name), name).toEqual([]);
    expect(log).toContain('    ▸ offers       begins');
  });

  it('draws the flow with the statuses of its nodes', () => {
    const drawing = priceList.toMermaid(result);
    const nameOf = (id: string) =>
      /^ {2}(n\d+)/.exec(drawing.split('\n').find((line) => line.includes(`"${id}"`)) ?? '')?.[1];
    const classed = (state: string) =>
      new RegExp(`^ {2}class (\\S+) ${state}$`, 'm').exec(drawing)?.[1]?.split(',') ?? [];
    expect(classed('skipped')).toEqual(skipped.map(nameOf));
    expect(classed('recovered')).toEqual([nameOf('rates')]);
    expect(classed('completed').toSorted()).toEqual(
      completed
        .filter((id) => id !== 'rates')
        .map(nameOf)
        .toSorted(),
    );
    expect(drawing).toContain(`${nameOf('rates')} -. fallback .-> ${nameOf('oldRates')}`);
  });

  it('prints nothing by itself', () => {
    expect(printed).toEqual([]);
  });
});

describe('the demo of flows, killed half-way', () => {
  const log: string[] = [];
  let directory: string;
  let server: BookServer;
  let interruption: Interruption;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'flow-demo-'));
    server = await startBookServer();
    interruption = await stopAndResume(server, directory, (line) => log.push(stripVTControlCharacters(line)));
  }, 300_000);

  afterAll(async () => {
    await server.stop();
    await rm(directory, { recursive: true });
  });

  it('kills the first program with SIGKILL while it requests eight books', () => {
    expect(interruption.endedBy).toBe('SIGKILL');
    const cutOff = interruption.before.filter((exchange) => exchange.cutOff);
    expect(cutOff.map(({ request }) => request).toSorted()).toEqual(
      bookRequests(firstBookMissed, firstBookMissed + booksAtOnce - 1).sort(),
    );
    expect(linesAbout(log, 'the program has ended')).toHaveLength(1);
  });

  it('completes the run in another program, with the same price list', () => {
    const { result } = interruption;
    expect(result.runId).toBe(runId);
    expect(result.status).toBe('completed');
    expect(result.output).toEqual(expectedOutput);
    expect([...result.completed].sort()).toEqual(completed);
    expect([...result.skipped].sort()).toEqual(skipped);
    expect(result.errors).toEqual([expect.objectContaining({ nodeId: 'rates', recoveredBy: 'oldRates' })]);
    expect(server.posted.lists).toHaveLength(1);
  });

  it('repeats no request that had been answered', () => {
    expect(interruption.repeated).toEqual([]);
    const answered = [...requestsOf(server.exchanges, 200), ...requestsOf(server.exchanges, 201)];
    expect(answered).toHaveLength(new Set(answered).size);
    expect(answered.filter((request) => request.includes('/books/'))).toHaveLength(bookCount);
  });

  it('requests the interrupted and the missing books', () => {
    expect(interruption.after.map(({ request }) => request).toSorted()).toEqual(
      [
        ...bookRequests(firstBookMissed, bookCount),
        ...['Arden', 'Birch', 'Cedar'].map((name) => `GET /publishers/${name}`),
        'POST /orders',
        'POST /lists',
      ].sort(),
    );
  });

  it('starts only the interrupted node again, and its successors', () => {
    const stop = log.findIndex((line) => line.includes('SIGKILL'));
    const begun = (lines: readonly string[]) => lines.flatMap((line) => /^ {2}▸ (\w+)/.exec(line)?.[1] ?? []).sort();
    expect(begun(log.slice(0, stop))).toEqual(['books', 'catalogue', 'oldRates', 'rates']);
    expect(begun(log.slice(stop))).toEqual(['books', 'count', 'haggle', 'list', 'order', 'price']);
  });

  it('leaves one checkpoint, of a finished run', async () => {
    expect(await readdir(directory)).toHaveLength(1);
    const checkpoint = new FileCheckpointStore(directory);
    expect(await checkpoint.list()).toEqual([runId]);
    const requests = server.exchanges.length;
    const again = await new FlowRuntime().resume(priceList, runId, { checkpoint });
    expect(again.status).toBe('completed');
    expect(again.output).toEqual(expectedOutput);
    expect(server.exchanges).toHaveLength(requests);
  });
});

describe('the demo of flows, with an approval that expires', () => {
  const log: string[] = [];
  let directory: string;
  let server: BookServer;
  let approvals: Approvals;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'flow-demo-'));
    server = await startBookServer();
    approvals = await approveTwice(server, directory, (line) => log.push(stripVTControlCharacters(line)));
  }, 60_000);

  afterAll(async () => {
    await server.stop();
    await rm(directory, { recursive: true });
  });

  it('orders what is approved in time', () => {
    const { status, output, skipped } = approvals.approved;
    expect({ status, output, skipped }).toEqual({ status: 'completed', output: { number: 1 }, skipped: ['defer'] });
    expect(server.posted.orders).toEqual([{ title: 'Volume 57', copies: 20 }]);
  });

  it('puts off what nobody has approved in time', () => {
    const { status, output, skipped, awaiting } = approvals.expired;
    expect({ status, output, skipped, awaiting }).toEqual({
      status: 'completed',
      output: 'Volume 57 is put off until spring',
      skipped: ['order'],
      awaiting: [],
    });
    expect(log).toContain(`  ■ the second order waits for ${approvalTimeout} ms; nobody approves it`);
    expect(linesAbout(log, 'defer begins')).toHaveLength(1);
    expect(linesAbout(log, 'order begins')).toHaveLength(1);
  });

  it('refuses the approval that comes too late', () => {
    expect(approvals.refusal).toBeInstanceOf(TooLateError);
    expect(approvals.refusal).toMatchObject({ runId: 'second', event: 'approved', expiredAt: expect.any(Number) });
  });
});
