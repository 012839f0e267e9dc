// A loop for the smoke test. It runs in a thread or process of its own.
import { Loop } from 'orchestrator/loops';

export default ({ factor }) =>
  new Loop('double')
    .read('in', 'numbers')
    .blocking('times', (number) => number * factor)
    .push('out', 'doubled');
