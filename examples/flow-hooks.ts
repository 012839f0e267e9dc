// A run of a flow is a process of the kernel, and each node is a task: hooks, policies and state of an orchestrator
// apply to its flows as well. The state of the process is the context of the run. A sub-flow is a nested process.
import assert from 'node:assert/strict';
import { Orchestrator } from 'orchestrator';
import { Flow, FlowRuntime } from 'orchestrator/flow';

interface Stage {
  played: string[];
  retries: number;
}

const lines: string[] = [];
const log = (line: string) => {
  lines.push(line);
  console.log(line);
};

const orchestrator = new Orchestrator<Stage>({
  state: { played: [], retries: 0 },
  retry: { retries: 1, minTimeout: 1 },
})
  .onProcessBegin(({ name, parentId }) => log(`${name} begins${parentId === undefined ? '' : ' inside'}`))
  .onTaskRetry(({ name, error, context }) => {
    context.retries++;
    log(`  ${name}: ${error.message}; again`);
  })
  .onTaskCompletion(({ name, status, context }) => {
    if (status === 'completed') context.played.push(name);
    log(`  ${name} ${status}`);
  })
  .onProcessCompletion(({ name, status }) => log(`${name} ${status}`));

// Actions can be nodes. They do not become nested tasks, but the tasks of their nodes.
const tune = orchestrator.action((_input: unknown, { attempt }: { attempt: number }) => {
  if (attempt === 1) throw new Error('a string broke');
});
const encore = new Flow('encore').node('waltz', () => 'one, two, three');

const concert = new Flow<Stage>('concert')
  .node('tune', tune)
  .node('sonata', () => orchestrator.getState().played.length, { after: 'tune' })
  .node('encore', encore, { after: 'sonata' });

const result = await new FlowRuntime({ orchestrator }).run(concert);
assert.equal(result.output, 'one, two, three');
assert.deepEqual(lines, [
  'concert begins',
  '  tune: a string broke; again',
  '  tune completed',
  '  sonata completed',
  'encore begins inside',
  '  waltz completed',
  'encore completed',
  '  encore completed',
  'concert completed',
]);
assert.deepEqual(result.context, {
  played: ['tune', 'sonata', 'encore'],
  retries: 1,
  sonata: 1,
  encore: 'one, two, three',
});
