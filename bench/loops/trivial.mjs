import { BlockingNode, done, Loop } from '../../dist/loops/index.js';
import { jobOf } from './job.mjs';

/** The job as a loop, for the event loop and as the module of a thread or process. */
export default function loopOf({ isAsync, quick, ...options }) {
  const { next, double, add, result } = jobOf({ end: done, quick });
  class Add extends BlockingNode {
    run({ value }) {
      add(value);
    }

    async cleanUp() {
      await this.config.messaging.push('rates', result());
    }
  }
  return new Loop('trivial', options)
    .producer('next', isAsync ? async () => next() : () => next())
    .blocking('double', double)
    .node('add', Add);
}
