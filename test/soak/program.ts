// A program of the fleet: a worker, an orchestrator that is asked through messages, or both on one engine. It is bundled
// into one file, so that it starts in no time.
import { DistributedWorker, OrchestratorBuilder, type WorkerOptions } from 'orchestrator/distributed';
import { planFrom, TroubledEngine } from 'orchestrator/distributed/testing';
import { FlowRuntime } from 'orchestrator/flow';
import { survivable } from '../../src/distributed/testing/trouble-plan.js';
import { openEngine } from '../distributed/faults/fixtures/engines.js';
import { type Call, outcomeOf } from '../distributed/faults/fixtures/orchestrator.js';
import type { OrchestratorTold as Told } from '../distributed/faults/remote-orchestrator.js';
import { allFlows } from './flows.js';
import { ledgerIn, noting } from './ledger.js';

/** With which a program ends that could not begin: its engine did not answer in time. */
const notBegun = 75;

const tell = (told: Told) => void process.send?.(told);
const { roles, seed, spec, ledger, troubled, options } = JSON.parse(process.env.SOAK ?? '{}') as {
  readonly roles: readonly ('worker' | 'orchestrator')[];
  readonly seed: number;
  readonly spec: Parameters<typeof openEngine>[0];
  readonly ledger: string;
  /** Which calls of the worker's engine go wrong. */
  readonly troubled?: { readonly seed: number; readonly share: number };
  readonly options: Partial<WorkerOptions>;
};
const engine = openEngine(spec);
const workflows = allFlows(seed);
const builder = new OrchestratorBuilder().engine(engine);
for (const flow of workflows) builder.workflow(flow);
const orchestrator = builder.build();
const runtime = new FlowRuntime({ middleware: [noting(ledgerIn(ledger))] });
const plan = troubled && planFrom(troubled.seed, troubled.share, survivable);
const face = plan === undefined ? engine : new TroubledEngine(engine, { plan, patience: 300 }).face;
const worker = new DistributedWorker({ engine: face, workflows, runtime, ...options });
worker.on('warning', ({ name, message }) => tell({ type: 'warning', name, message }));

process.on('message', async (message: Call & { readonly number: number }) => {
  if (message.call === undefined) return await stop();
  const { number, ...call } = message;
  tell({ type: 'answer', number, ...(await outcomeOf(orchestrator, call)) });
});

async function stop(): Promise<void> {
  if (roles.includes('worker')) await worker.stop();
  await orchestrator.close();
  await engine.close();
  process.exit(0);
}

try {
  await engine.open();
  if (roles.includes('worker')) await worker.start();
} catch (error) {
  tell({ type: 'warning', name: Object(error).name, message: Object(error).message });
  process.exit(notBegun);
}
tell({ type: 'ready', time: Date.now() });
