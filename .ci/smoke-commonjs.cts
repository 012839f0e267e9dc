// TypeScript that is compiled to CommonJS: it requires each entry point of the packed tarball, and runs.
import assert = require('node:assert');

import { AbortError, Orchestrator, type RetryContext } from 'orchestrator';
import { createDashboard } from 'orchestrator/dashboard';
import { DistributedWorker, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { derivedStores, type Engine } from 'orchestrator/distributed/engine';
import { conformanceOf } from 'orchestrator/distributed/testing';
import { Flow, Node, type NodeArgs, type WorkflowResult } from 'orchestrator/flow';

import loops = require('orchestrator/loops');

import { showProgress } from 'orchestrator/progress';
import { logTo } from 'orchestrator/telemetry';
import { stub } from 'orchestrator/testing';

interface State {
  requests: number;
}

class Double extends Node<State, number, number> {
  override prep({ context }: NodeArgs<State>) {
    return context.requests;
  }

  override exec({ prepRes }: NodeArgs<State, number>) {
    return prepRes * 2;
  }
}

class Refused extends AbortError {}

async function main(): Promise<void> {
  const failures: RetryContext[] = [];
  const orchestrator = new Orchestrator({
    retry: { retries: 2, minTimeout: 1, onFailedAttempt: (failure) => void failures.push(failure) },
  });
  const length = orchestrator.action('length', (text: string) => text.length);
  const refused = orchestrator.action(() => Promise.reject(new Refused('declined')), { name: 'refused' });
  const both: Promise<[number, string]> = orchestrator.parallel([length, () => 'two'])('one');
  assert.deepEqual(await both, [3, 'two']);
  await assert.rejects(refused(), /^Error: declined$/);
  assert.equal(failures.length, 0);

  const flow = new Flow<State>('commonjs').node('double', Double).node('length', (_: NodeArgs<State>) => 'two'.length);
  const result: WorkflowResult<State> = await flow.run({ requests: 1 });
  assert.equal(result.status, 'completed');

  const engine: Engine = memory();
  assert.equal(derivedStores(engine).contextStore.engine, engine);
  const fleet = new OrchestratorBuilder().workflow(flow).engine(engine).build();
  const worker = new DistributedWorker({ engine, workflows: [flow] });
  await worker.start();
  const run = await fleet.waitForCompletion(await fleet.startRun({ requests: 1 }));
  assert.equal(run.status, 'completed');
  createDashboard({ distributed: fleet });
  await worker.stop();
  await fleet.close();

  new loops.WorkflowOrchestrator().load({ loops: [new loops.Loop('idle').producer('one', () => loops.idle())] });
  stub(length, () => 7).restore();
  assert.equal(typeof conformanceOf, 'function');
  logTo(console)();
  showProgress({ interactive: false }).stop();
  console.log(`CommonJS of TypeScript: Node ${process.version}`);
}

void main();
