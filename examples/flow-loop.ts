// An edge to an earlier node makes a loop, which repeats until its back edge is not followed. Nodes see the number of
// their visit. `maxVisits` limits a loop that does not end by itself.
import assert from 'node:assert/strict';
import { Flow, VisitsError, withAction } from 'orchestrator/flow';

interface Game {
  secret: number;
  tried: number[];
}

const flow = new Flow<Game>('game')
  .node('range', () => ({ from: 1, to: 100 }))
  .node(
    'guess',
    ({ from, to }, { context, visit }) => {
      const guess = Math.floor((from + to) / 2);
      context.tried[visit - 1] = guess;
      const answer = guess === context.secret ? 'found' : guess < context.secret ? 'more' : 'less';
      return withAction(answer, { guess, from, to });
    },
    { after: 'range' },
  )
  .node('cheer', ({ guess }) => `It is ${guess}!`, { after: { guess: 'found' } })
  .edge('guess', 'guess', { action: 'more', transform: ({ guess, to }) => ({ from: guess + 1, to }) })
  .edge('guess', 'guess', { action: 'less', transform: ({ guess, from }) => ({ from, to: guess - 1 }) });

const result = await flow.run({ secret: 60, tried: [] });
console.log(result.context.tried, result.output);
assert.equal(result.output, 'It is 60!');
assert.deepEqual(result.context.tried, [50, 75, 62, 56, 59, 60]);
assert.deepEqual(flow.analyze().cycles, [['guess']]);

// 200 is out of range, so this loop would never end.
const endless = await flow.run({ secret: 200, tried: [] }, { maxVisits: 20 });
console.log(endless.errors[0]?.message);
assert.equal(endless.status, 'failed');
assert.ok(endless.errors[0]?.cause instanceof VisitsError);
assert.equal(endless.context.tried.length, 20);

// A loop of several nodes, left by a condition. All nodes in the loop run again in each iteration.
const polish = new Flow<{ text: string }>('polish')
  .node('draft', (_input, { context }) => context.text)
  .node('shorten', (text) => text.split(' ').slice(0, -1).join(' '), { after: 'draft' })
  .node('measure', (text) => ({ text, length: text.length }), { after: 'shorten' })
  .node('print', ({ text }) => text, { after: 'measure', condition: ({ length }) => length <= 12 })
  .edge('measure', 'shorten', { condition: 'output.length > 12', transform: 'output.text' });
const polished = await polish.run({ text: 'a loop may take as many turns as it needs' });
console.log(polished.output);
assert.equal(polished.output, 'a loop may');
