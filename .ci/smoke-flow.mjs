import { Flow } from 'orchestrator/flow';

export default new Flow('smoke')
  .node('one', () => 1)
  .node('two', (one) => one + 1)
  .edge('one', 'two');
