import { Flow } from 'orchestrator/flow';

/** A flow that forks and joins; its output is 6. */
export const diamond = () =>
  new Flow('diamond')
    .node('a', () => 1)
    .node('b', (n) => n + 1)
    .node('c', (n) => n + 2)
    .node('d', ({ b, c }) => b * c)
    .edge('a', 'b')
    .edge('a', 'c')
    .edge('b', 'd')
    .edge('c', 'd');
