import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Engine } from '../contracts.js';
import { newId, oddTexts, type Suite } from './suite.js';

export function testWorkflows(suite: Suite): void {
  suite.describe('workflowStore', () => {
    suite.it('returns what was put, by id and version', async () => {
      const { engine, other } = suite;
      const id = newId('workflow');
      await engine.workflowStore.put(id, '1', 'one');
      await other.workflowStore.put(id, '2', 'two');
      assert.equal(await other.workflowStore.get(id, '1'), 'one');
      assert.equal(await engine.workflowStore.get(id, '2'), 'two');
      assert.equal(await engine.workflowStore.get(id, '3'), undefined);
      assert.equal(await engine.workflowStore.get(newId('workflow'), '1'), undefined);
    });

    suite.it('lists workflows in the order in which each was first put', async () => {
      const { engine, other } = suite;
      const prefix = newId('workflow');
      const put = [
        ['b', '2'],
        ['a', '10'],
        ['b', '1'],
        ['a', '9'],
      ] as const;
      for (const [id, version] of put) await engine.workflowStore.put(`${prefix}${id}`, version, 'x');
      await engine.workflowStore.put(`${prefix}b`, '2', 'x');
      await other.workflowStore.put(`${prefix}a`, '10', 'changed');
      assert.deepEqual(
        await listed(other, prefix),
        put.map(([id, version]) => ({ id: `${prefix}${id}`, version })),
      );
    });

    suite.it('keeps what was put last, and is not changed by the same put again', async () => {
      const { engine, other } = suite;
      const id = newId('workflow');
      await engine.workflowStore.put(id, '1', 'one');
      await other.workflowStore.put(id, '1', 'one');
      assert.equal(await engine.workflowStore.get(id, '1'), 'one');
      await other.workflowStore.put(id, '1', 'another');
      assert.equal(await engine.workflowStore.get(id, '1'), 'another');
      assert.deepEqual(await listed(engine, id), [{ id, version: '1' }]);
    });

    suite.it('stores once what many put at the same time', async () => {
      const { engine, other } = suite;
      const id = newId('workflow');
      const puts = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? engine : other));
      await Promise.all(puts.map((one) => one.workflowStore.put(id, '1', 'the same')));
      assert.deepEqual(await listed(engine, id), [{ id, version: '1' }]);
      assert.equal(await other.workflowStore.get(id, '1'), 'the same');
    });

    suite.it('accepts all characters, and texts of any length', async () => {
      const { engine, other } = suite;
      const unique = newId('');
      for (const text of oddTexts) {
        const id = `${unique}${text}`;
        await engine.workflowStore.put(id, text, text);
        assert.equal(await other.workflowStore.get(id, text), text);
        assert.deepEqual(await listed(other, id), [{ id, version: text }]);
      }
      // The characters are the same in total, but divided differently between id and version.
      await engine.workflowStore.put(`${unique}a","b`, 'c', 'one');
      await engine.workflowStore.put(`${unique}a`, 'b","c', 'two');
      assert.equal(await other.workflowStore.get(`${unique}a","b`, 'c'), 'one');
      const long = randomBytes(5_000).toString('base64');
      const large = JSON.stringify({ 'ü"\\': '😀'.repeat(2 ** 18) });
      await engine.workflowStore.put(long, long, large);
      assert.equal(await other.workflowStore.get(long, long), large);
    });
  });
}

async function listed(engine: Engine, prefix: string) {
  return (await engine.workflowStore.list()).filter(({ id }) => id.startsWith(prefix));
}
