import { WorkflowOrchestrator } from '../../dist/loops/index.js';
import { failsWith } from './failures.mjs';
import receiver from './receiver.mjs';
import sender from './sender.mjs';

export const capacity = 10_000;

/** Two loops with a queue between them. */
export function twoLoops(pool) {
  const at = (name) => new URL(name, import.meta.url);
  const loops =
    pool === 'async'
      ? [sender(), receiver()]
      : [
          { id: 'sender', module: at('sender.mjs'), pool, onCrash: 'stop' },
          { id: 'receiver', module: at('receiver.mjs'), pool, onCrash: 'stop' },
        ];
  return failsWith(new WorkflowOrchestrator().load({ queues: { messages: { capacity } }, loops }));
}
