import { Loop } from '../../dist/loops/index.js';
import { messageOf } from './message.mjs';

export default function sender() {
  let last = 0;
  return new Loop('sender').producer('make', () => messageOf(++last)).push('send', 'messages');
}
