import { once } from 'node:events';
import { workerData } from 'node:worker_threads';
import { inOrder, messageOf } from './message.mjs';

// One end of a bare channel. The receiver reports its progress, so that at most 10,000 messages are in flight.

const capacity = 10_000;
const { role, port, batch, counter } = workerData;
if (role === 'send') await sendAll();
else receiveAll();

async function sendAll() {
  let sent = 0;
  let received = 0;
  port.on('message', (count) => {
    received = count;
  });
  for (;;) {
    while (sent + batch - received > capacity) await once(port, 'message');
    if (batch === 1) port.postMessage(messageOf(++sent));
    else port.postMessage(Array.from({ length: batch }, () => messageOf(++sent)));
  }
}

function receiveAll() {
  const check = inOrder();
  let received = 0;
  const receive = (message) => {
    check(message);
    received++;
    if (received % 256 === 0) port.postMessage(received);
  };
  port.on('message', (data) => {
    if (Array.isArray(data)) for (const message of data) receive(message);
    else receive(data);
    Atomics.store(counter, 0, BigInt(received));
  });
}
