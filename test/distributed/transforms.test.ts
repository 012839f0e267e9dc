import { DefaultSerializer, Flow, FlowRuntime } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import { fleetOf } from './fleet.js';

/** A serializer that counts the texts that it reads. */
class CountingSerializer extends DefaultSerializer {
  read = 0;

  override deserialize(text: string): unknown {
    this.read++;
    return super.deserialize(text);
  }
}

/** A chain whose edges each add one to the value that they pass on. */
function chainOf(length: number) {
  let chain = new Flow<object, unknown, string>('chain').node('0', () => 0) as Flow<object, unknown, string>;
  for (let n = 1; n < length; n++) {
    chain = chain
      .node(`${n}`, (given) => given)
      .edge(`${n - 1}`, `${n}`, { transform: (output: unknown) => Number(output) + 1 }) as typeof chain;
  }
  return chain;
}

it('a node reads only the values that its own incoming edges have passed on', async () => {
  const reads = async (length: number) => {
    const serializer = new CountingSerializer();
    const { finish } = await fleetOf(chainOf(length), { runtime: new FlowRuntime({ serializer }) });
    expect(await finish()).toMatchObject({ status: 'completed', output: length - 1 });
    return serializer.read;
  };
  const [short, long] = [await reads(20), await reads(200)];
  expect(long).toBeLessThan(20 * short);
});
