import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { drawItems, faultsIn } from '../../examples/demo-durable/report.js';
import { type Request, startShop } from '../../examples/demo-durable/server.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the demo of durable scopes', () => {
  let output = '';
  let errors = '';
  let code: number | null;

  beforeAll(async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'examples/demo-durable/main.ts'], { cwd: root });
    [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    output = stripVTControlCharacters(output);
  }, 300_000);

  it('ends successfully and reports it', () => {
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toContain('Nothing is lost, and nothing that was recorded is repeated.');
  });

  it('is killed three times, and completes in the fourth life', () => {
    const killed = output.split('\n').filter((line) => line.includes('killed (SIGKILL)'));
    expect(killed).toEqual([
      expect.stringContaining('in the first half'),
      expect.stringContaining('while it waits, with 150 items at the shop'),
      expect.stringContaining('in the second half'),
    ]);
    expect(output).toContain('completed in life 4');
  });

  it('shows each item once, except those that were under way', () => {
    const digits = output
      .split('\n')
      .flatMap((line) => /^ {2}item-\d+ +((?:\d )+\d)$/.exec(line)?.[1]?.split(' ') ?? []);
    expect(digits).toHaveLength(300);
    expect(digits.every((digit) => Number(digit) >= 1)).toBe(true);
    expect(digits.filter((digit) => digit !== '1').length).toBeLessThanOrEqual(20);
    expect(output).toMatch(/lists of items +1\n/);
  });
});

describe('the report of the demo', () => {
  it('notices items that are missing, repeated, or have another key', async () => {
    const { requests, stop } = await startShop();
    await stop();
    const seen = requests as Map<string, Request[]>;
    for (const [item, list] of seen) list.push({ key: item, outcome: 'answered' });
    const price = 300 * 100 + Array.from({ length: 300 }, (_, index) => (index + 1) % 17).reduce((a, b) => a + b);
    const total = { by: 'eve', items: 300, price };
    expect(faultsIn({ requests }, total)).toEqual([]);
    expect(faultsIn({ requests }, { ...total, price: 1 })).toHaveLength(1);
    for (const [, list] of [...seen].slice(0, 31)) list.push({ ...(list[0] as Request) });
    expect(faultsIn({ requests }, total)).toEqual(['31 items were repeated']);
    seen.get('item-1')?.push({ key: 'other', outcome: 'answered' });
    expect(faultsIn({ requests }, total)).toContain('1 items had more than one idempotency key');
    seen.set('item-2', []);
    expect(faultsIn({ requests }, total)).toContain('1 items never reached the shop');
    expect(stripVTControlCharacters(drawItems({ requests }).join('\n'))).toMatch(/^ {2}item-1 {3} 3 0 2 2/);
  });
});
