/**
 * Files with a flow of a given number of nodes, by its shape. Each ends with a use of the output and of the context, so
 * that the compiler has to find their types.
 */
export const flowFiles = {
  'a chain by `after`': (count) =>
    fileOf(chainOf(count, ({ id, before }) => node(id, `n${id}`, `{ after: '${before}' }`))),
  'joins, actions and a loop by `after`': (count) => fileOf(mixedOf(count)),
  'a chain by `edge`': (count) => {
    const nodes = Array.from({ length: count }, (_, index) => node(`s${index}`, `f${index}`));
    const edges = Array.from({ length: count - 1 }, (_, index) => `.edge('s${index}', 's${index + 1}')`);
    return fileOf([...nodes, ...edges]);
  },
};

function fileOf(calls) {
  return `import { Flow, withAction } from '../../dist/flow/index.js';
const flow = new Flow<{ limit: number }>('large')
  ${calls.join('\n  ')};
const result = await flow.run();
if (result.status === 'completed') {
  const output: unknown = result.output;
  console.log(output, result.context.limit);
}
`;
}

function node(id, tag, options) {
  const more = options === undefined ? '' : `, ${options}`;
  return `.node('${id}', (input) => ({ ${tag}: 1, input: typeof input })${more})`;
}

function chainOf(count, callFor) {
  const calls = [node('s0', 'n0')];
  for (let index = 1; index < count; index++) calls.push(callFor({ id: `s${index}`, before: `s${index - 1}` }));
  return calls;
}

/** Groups of five: a choice, its two branches, a join of both with the choice, and a node that may lead back. */
function mixedOf(count) {
  const calls = [node('s0', 'n0')];
  const loops = [];
  let last = 's0';
  for (let index = 1; index + 5 <= count; index += 5) {
    const [choice, left, right, join, turn] = Array.from({ length: 5 }, (_, more) => `s${index + more}`);
    calls.push(
      `.node('${choice}', (input) => withAction(input === undefined ? 'left' : 'right', { at: ${index} }), { after: '${last}' })`,
      `.node('${left}', ({ at }) => at, { after: { ${choice}: 'left' } })`,
      `.node('${right}', ({ at }) => String(at), { after: { ${choice}: 'right' } })`,
      `.node('${join}', ({ ${left}, ${right} }) => [${left}, ${right}] as const, { after: ['${left}', '${right}'] })`,
      `.node('${turn}', ([number]) => withAction(number === 1 ? 'again' : 'on', { at: 1 }), { after: '${join}', condition: ([number]) => number !== 2 })`,
    );
    loops.push(`.edge('${turn}', '${choice}', { action: 'again', transform: () => ({ n0: 1, input: 'x', at: 1 }) })`);
    last = turn;
  }
  return [...calls, ...loops];
}
