import { duration } from '../figures.mjs';
import { contenders } from './contenders.mjs';
import { quick, send, words } from './section.mjs';

// Measures one contender: `task.mjs traces`.

const [name] = words;
const { label, make } = contenders[name];
const { call, around = (work) => work(), flush = async () => {} } = await make();
const callsOfOne = 1_000;
const samples = quick ? 2 : 150;
const warmUp = quick ? 1 : 50;

const found = [];
for (let index = -warmUp; index < samples; index++) {
  const nanoseconds = await sample();
  if (index >= 0) found.push(nanoseconds);
  await flush();
  await new Promise((resolve) => setImmediate(resolve));
}
send([duration(name, 'One task of a function that adds', label, lowTenthOf(found))]);

/** The tenth percentile of the samples, which is hardly affected by other programs on the machine. */
function lowTenthOf(values) {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 10)];
}

/** Mean nanoseconds per call, for sequential calls in an open run. */
async function sample() {
  let sum = 0;
  let elapsed = 0;
  await around(async () => {
    const began = performance.now();
    for (let index = 0; index < callsOfOne; index++) sum += await call(index, 1);
    elapsed = performance.now() - began;
  });
  if (sum !== (callsOfOne * (callsOfOne + 1)) / 2) throw new Error(`${name} gave a wrong result`);
  return (elapsed * 1e6) / callsOfOne;
}
