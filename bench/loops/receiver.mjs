import { Loop } from '../../dist/loops/index.js';
import { inOrder } from './message.mjs';

export default function receiver() {
  return new Loop('receiver', { onError: 'stop' }).read('receive', 'messages').blocking('check', inOrder());
}
