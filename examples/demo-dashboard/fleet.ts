import { DistributedOrchestrator, DistributedWorker, type Engine, memory } from 'orchestrator/distributed';
import { FlowRuntime } from 'orchestrator/flow';
import { orderFlow, Shop } from '../demo-distributed/flow.js';
import { type ShopServer, startShopServer } from '../demo-distributed/server.js';
import { refundFlow } from './refund.js';
import { regions, reportFlow } from './report.js';
import { startTraffic } from './traffic.js';

const workflows = [orderFlow, refundFlow, reportFlow];

/** Milliseconds for which finished runs are kept. */
const retention = 3_600_000;

/** A fleet in one program that constantly gets new runs. */
export interface Fleet {
  readonly orchestrator: DistributedOrchestrator;
  stop(): Promise<void>;
}

export async function startFleet(): Promise<Fleet> {
  const engine = memory();
  const shop = await startShopServer();
  const workers = await Promise.all(['worker-1', 'worker-2', 'worker-3'].map((id) => startWorker(id, engine, shop)));
  const orchestrator = new DistributedOrchestrator({ engine, workflows, retention });
  const traffic = startTraffic({
    order: (number) => orchestrator.start('order', { id: `order-${number}`, context: { number } }),
    refund: (number) => {
      const context = { customer: `customer-${number}`, amount: (number * 37) % 240, apiKey: 'sk-live-0815' };
      return orchestrator.start('refund', { id: `refund-${number}`, context });
    },
    report: (number) => {
      const region = regions[(number * 3) % regions.length] as string;
      const trouble = number % 3 === 0 ? { dead: region } : { slow: region };
      const day = new Date(Date.UTC(2026, 0, number)).toISOString().slice(0, 10);
      const context = { day, ...trouble };
      return orchestrator.start('report', { id: `report-${day}`, context, input: { format: 'pdf' } });
    },
  });
  return {
    orchestrator,
    async stop() {
      await traffic.stop();
      await Promise.all(workers.map((worker) => worker.stop({ deadline: 1_000 })));
      await orchestrator.close();
      await engine.close();
      await shop.stop();
    },
  };
}

async function startWorker(id: string, engine: Engine, shop: ShopServer): Promise<DistributedWorker> {
  const runtime = new FlowRuntime({ dependencies: new Shop(shop.url) });
  const worker = new DistributedWorker({ id, engine, workflows, runtime, concurrency: 8 });
  await worker.start();
  return worker;
}
