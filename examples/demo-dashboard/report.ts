import { setTimeout as sleep } from 'node:timers/promises';
import { Flow, type NodeArgs } from 'orchestrator/flow';

/** Initial context of a run. */
export interface Report {
  readonly day: string;
  /** Region that fails at first (`slow`), or always (`dead`). */
  readonly slow?: string | undefined;
  readonly dead?: string | undefined;
}

export const regions = ['north', 'east', 'south', 'west', 'islands', 'harbour', 'airport', 'online'];

/**
 * Collects the figures of all regions in parallel and combines them. If `online` does not answer, yesterday's figures
 * are used:
 *
 *     plan ─┬─► north ──┐
 *           ├─► …       ├─► sum ─► chart ─► send
 *           └─► online ─┘
 */
export const reportFlow = flowOf(regions);

function flowOf(names: readonly string[]): Flow<Report> {
  const flow = new Flow<Report>('report', { version: '2' })
    .node('plan', async (_input, { signal }: NodeArgs<Report>) => {
      await sleep(200, undefined, { signal });
      return names;
    })
    .node('yesterday', () => ({ region: 'online', sold: 100 }))
    .node('sum', async (sold, { signal }: NodeArgs<Report>) => {
      await sleep(400, undefined, { signal });
      return { regions: Object.keys(Object(sold)).length };
    })
    .node('chart', async (_input, { signal }: NodeArgs<Report>) => {
      await sleep(700, undefined, { signal });
      return { width: 1_200, height: 600 };
    })
    .node('send', () => ({ to: 'board@example.com' }));
  for (const region of names) {
    const fallback = region === 'online' ? { fallback: 'yesterday' } : {};
    flow
      .node(region, figuresOf, { retry: { retries: 2, minTimeout: 700 }, ...fallback })
      .edge('plan', region)
      .edge(region, 'sum');
  }
  return flow.edge('sum', 'chart').edge('chart', 'send');
}

/** Asks a region for its figures. */
async function figuresOf(_input: unknown, { nodeId, context, attempt, signal }: NodeArgs<Report>) {
  await sleep(250 + 90 * regions.indexOf(nodeId), undefined, { signal });
  if (context.dead === nodeId) throw new Error(`region ${nodeId} does not answer`);
  if (context.slow === nodeId && attempt === 1) throw new Error(`region ${nodeId} is busy`);
  return { region: nodeId, sold: 10 * nodeId.length };
}
