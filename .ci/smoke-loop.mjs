// A loop of the smoke test, for a thread or a process of its own.
import { Loop } from 'orchestrator/loops';

export default ({ factor }) =>
  new Loop('double')
    .read('in', 'numbers')
    .blocking('times', (number) => number * factor)
    .push('out', 'doubled');
