import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { fileJournal } from 'orchestrator/durable';
import type { Shop } from './server.js';

export const concurrency = 10;
const runId = 'import-2026-11';

/** What the import returns. */
export interface Total {
  readonly by: string;
  readonly items: number;
  readonly price: number;
}

type Message = { readonly type: 'waits' } | { readonly type: 'completed'; readonly total: Total };

/** A life of the script. */
interface Life {
  readonly child: ChildProcess;
  /** Resolves with the message of this type. Rejects if the script ends without it. */
  message<Type extends Message['type']>(type: Type): Promise<Message & { readonly type: Type }>;
}

/**
 * Runs the import, kills it three times, and starts it again each time: in the first half, while it waits for the
 * approval, and in the second half. The approval arrives while no program runs.
 */
export async function importWithKills(shop: Shop, runs: string, print: (line: string) => void): Promise<Total> {
  const start = () => begin(shop, runs);
  const kill = async ({ child }: Life, when: string) => {
    child.kill('SIGKILL');
    await once(child, 'exit');
    print(`killed (SIGKILL) ${when}, with ${shop.answered()} items at the shop; started again`);
  };

  let life = start();
  print('started');
  await answered(shop, 80, life);
  await kill(life, 'in the first half');

  life = start();
  await life.message('waits');
  print(`waits for an approval, with ${shop.answered()} items at the shop`);
  await pause(300);
  await kill(life, 'while it waits');

  const journal = fileJournal(runs);
  await journal.signal(runId, 'approved', { by: 'eve' });
  print('approved by eve');
  life = start();
  await answered(shop, 220, life);
  await kill(life, 'in the second half');

  life = start();
  const { total } = await life.message('completed');
  await once(life.child, 'exit');
  print(`completed in life ${(await journal.get(runId))?.lives}`);
  await journal.close();
  return total;
}

function begin(shop: Shop, runs: string): Life {
  const script = fileURLToPath(new URL('import.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    env: { ...process.env, SHOP_URL: shop.url, RUNS: runs, CONCURRENCY: String(concurrency) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return {
    child,
    message: (type) =>
      new Promise((resolve, reject) => {
        child.on('message', (message: Message) => {
          if (message.type === type) resolve(message as never);
        });
        child.on('exit', (code) => reject(new Error(`the script has ended with ${code}, without "${type}"`)));
      }),
  };
}

/** Waits until the shop has answered a number of items. */
async function answered(shop: Shop, count: number, { child }: Life): Promise<void> {
  while (shop.answered() < count) {
    if (child.exitCode !== null) throw new Error(`the script has ended with ${child.exitCode}`);
    await pause(2);
  }
}
