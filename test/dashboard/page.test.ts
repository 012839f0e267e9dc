import { type ServedDashboard, type ServeOptions, serveDashboard } from 'orchestrator/dashboard';
import type { Page } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeWith } from '../needs/describe-with.js';
import { closePages, goTo, open, openLive, useBrowser } from './fixtures/browser.js';
import { openSite, type Site } from './fixtures/site.js';

const token = 'a-token-of-this-test';

describeWith('chromium', 'the page of the dashboard', () => {
  const built = useBrowser();
  let site: Site;
  let served: ServedDashboard;

  const serve = async (options: Partial<ServeOptions> = {}) => {
    const { distributed, loops } = site;
    served = await serveDashboard({
      distributed,
      loops,
      token,
      port: 0,
      title: 'tests',
      assets: built.assets,
      ...options,
    });
    return served;
  };

  beforeEach(async () => {
    site = await openSite();
    await serve();
  });

  afterEach(async () => {
    await closePages();
    await served.close();
    await site.close();
  });

  const openAt = (place: string, options = {}) => openLive(`${served.url}#${place}`, { token, ...options });
  const start = (workflow: string, options: { readonly runId?: string } = {}, context = {}) =>
    site.distributed.startRun(context, undefined, { workflow, ...options });
  const reaches = (runId: string, status: string) => expect.poll(() => site.distributed.status(runId)).toBe(status);
  const showsRun = (page: Page, status: string) =>
    page.locator(`.run-title .status[data-status="${status}"]`).waitFor();
  const row = (page: Page, runId: string) => page.locator('.runs tbody tr', { hasText: runId });

  it('shows runs as they start and progress', async () => {
    const page = await openAt('/runs');
    await page.getByText('No runs yet').waitFor();
    await start('approval', { runId: 'trip-1' }, { trip: 'Paris' });
    await row(page, 'trip-1').locator('.status[data-status="awaiting"]').waitFor();
    await expect.poll(() => page.getByRole('button', { name: /^awaiting/ }).innerText()).toContain('1');
    await site.distributed.signal('trip-1', 'approved', {});
    await row(page, 'trip-1').locator('.status[data-status="completed"]').waitFor();
  });

  it('counts newer runs, and shows them on request', async () => {
    for (let number = 1; number <= 70; number++) await start('approval', { runId: `early-${number}` });
    const page = await openAt('/runs');
    await row(page, 'early-70').waitFor();
    const newer = page.getByRole('button', { name: /newer run/ });
    let late = 0;
    // Runs that start while the page is still connecting are shown immediately, so start more until one is counted.
    const oneMore = async () => {
      await start('approval', { runId: `late-${++late}` });
      return newer.count();
    };
    await expect.poll(oneMore, { interval: 500 }).toBe(1);
    expect(Number.parseInt(await newer.innerText(), 10)).toBeLessThanOrEqual(late);
    await newer.click();
    await row(page, `late-${late}`).waitFor();
    await expect.poll(() => newer.count()).toBe(0);
  });

  it('leads to the oldest runs', async () => {
    for (let number = 1; number <= 60; number++) await start('approval', { runId: `run-${number}` });
    const page = await openAt('/runs');
    await row(page, 'run-60').waitFor();
    await page.getByLabel('Order').selectOption('Oldest first');
    await expect.poll(() => page.locator('.run-link').first().innerText()).toBe('run-1');
    await start('approval', { runId: 'run-61' });
    await page.getByRole('button', { name: 'Newer' }).click();
    await expect.poll(() => page.locator('.run-link').last().innerText()).toBe('run-61');
    await start('approval', { runId: 'run-62' });
    await row(page, 'run-62').waitFor();
    expect(await page.getByRole('button', { name: /newer run/ }).count()).toBe(0);
  });

  describe('changes runs', () => {
    it('by a signal with a payload, which must be JSON', async () => {
      await start('approval', { runId: 'trip-2' }, { trip: 'Rome' });
      const page = await openAt('/runs/trip-2');
      await page.locator('.node[data-node="answer"][data-status="awaiting"]').waitFor();
      await page.getByRole('button', { name: 'Signal…' }).click();
      await page.getByText('{ by?: string }').waitFor();
      await page.getByLabel('Payload').fill('{ "by": ');
      await page.getByText('No JSON').waitFor();
      expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
      await page.getByLabel('Payload').fill('{ "by": "Ada" }');
      await page.getByRole('button', { name: 'Send' }).click();
      await page.locator('.node[data-node="book"][data-status="completed"]').waitFor();
      await showsRun(page, 'completed');
      expect((await site.distributed.waitForCompletion('trip-2')).output).toEqual({
        booked: true,
        answer: { by: 'Ada' },
      });
      await page.getByRole('link', { name: 'Data' }).click();
      await page.locator('.value', { hasText: 'Output' }).getByText('"Ada"').waitFor();
    });

    it('by pausing and resuming them', async () => {
      await start('endless', { runId: 'long-1' });
      const page = await openAt('/runs/long-1');
      await showsRun(page, 'running');
      await page.getByRole('button', { name: 'Pause' }).click();
      await showsRun(page, 'paused');
      await reaches('long-1', 'paused');
      await page.getByRole('button', { name: 'Resume' }).click();
      await showsRun(page, 'running');
      await reaches('long-1', 'running');
    });

    it('by cancelling them, with a reason', async () => {
      await start('endless', { runId: 'long-2' });
      const page = await openAt('/runs/long-2');
      await page.getByRole('button', { name: 'Cancel…' }).click();
      await page.getByLabel('Reason').fill('not needed');
      await page.getByRole('button', { name: 'Cancel run' }).click();
      await showsRun(page, 'cancelled');
      await page.locator('.callout', { hasText: 'not needed' }).waitFor();
      expect((await site.distributed.waitForCompletion('long-2')).error).toBe('not needed');
    });

    it('by retrying failed runs, whose errors it shows', async () => {
      await start('fragile', { runId: 'call-1' });
      await reaches('call-1', 'failed');
      const page = await openAt('/runs/call-1/errors');
      await page.getByText('no answer').first().waitFor();
      await page.getByText('the line is dead').first().waitFor();
      site.isMended = true;
      await page.getByRole('button', { name: 'Retry' }).click();
      await showsRun(page, 'completed');
      await reaches('call-1', 'completed');
      await page.getByRole('link', { name: /^Timeline/ }).click();
      await page.locator('.timeline-bar.is-completed').waitFor();
      await page.getByRole('link', { name: 'Events' }).click();
      await expect.poll(() => page.locator('.events tbody tr').count()).toBeGreaterThan(3);
    });

    it('from the list, by keys alone', async () => {
      await start('endless', { runId: 'long-3' });
      const page = await openAt('/runs');
      await row(page, 'long-3').locator('.menu button:enabled').waitFor();
      await page.locator('.run-link').focus();
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByRole('menuitem', { name: 'Pause' }).waitFor();
      await page.keyboard.press('Enter');
      await row(page, 'long-3').locator('.status[data-status="paused"]').waitFor();
      await reaches('long-3', 'paused');
    });

    it('after asking for the token, and then continues', async () => {
      await start('endless', { runId: 'long-4' });
      const page = await open(`${served.url}#/runs/long-4`, { expected: /401/ });
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.getByLabel('Token', { exact: true }).fill('a-wrong-token');
      await page.getByRole('button', { name: 'Unlock', exact: true }).click();
      await page.getByText('The token was not accepted').waitFor();
      expect(await site.distributed.status('long-4')).toBe('running');
      await page.getByLabel('Token', { exact: true }).fill(token);
      await page.getByRole('button', { name: 'Unlock', exact: true }).click();
      await showsRun(page, 'paused');
    });

    it('and reports refused changes', async () => {
      await start('endless', { runId: 'long-5' });
      const page = await openAt('/runs/long-5', { expected: /409/ });
      await page.getByRole('button', { name: 'Cancel…' }).click();
      await site.distributed.cancel('long-5', 'by another');
      await page.getByRole('button', { name: 'Cancel run' }).click();
      await page.locator('.toast.tone-red').waitFor();
    });
  });

  describe('changes loops', () => {
    it('by pausing, resuming, stopping and starting them', async () => {
      const page = await openAt('/loops');
      const loop = page.locator('.loop', { hasText: 'ticker' });
      const state = (name: string) => loop.locator(`.loop-title .status[data-status="${name}"]`).waitFor();
      const actual = () => site.loops.metrics().loops.find(({ loopId }) => loopId === 'ticker')?.state;
      await state('running');
      await loop.getByRole('button', { name: 'Pause' }).click();
      await state('paused');
      expect(actual()).toBe('paused');
      await loop.getByRole('button', { name: 'Resume' }).click();
      await state('running');
      await loop.getByRole('button', { name: 'Stop' }).click();
      await page.getByRole('button', { name: 'Stop loop' }).click();
      await state('stopped');
      expect(actual()).toBe('stopped');
      await loop.getByRole('button', { name: 'Start' }).click();
      await state('running');
    });

    it('by replaying dead letters, one or all', async () => {
      const page = await openAt('/dead-letters');
      await page.getByText('No dead letters').waitFor();
      for (const letter of ['bad 1', 'bad 2', 'bad 3']) await site.loops.queue('letters').push(letter);
      await expect.poll(() => page.locator('.letter').count()).toBe(3);
      await page.locator('.letter', { hasText: 'bad 3' }).locator('summary').first().click();
      await page.getByText('Value given to the node').waitFor();
      site.isMended = true;
      await page.getByRole('button', { name: 'Replay', exact: true }).first().click();
      await expect.poll(() => page.locator('.letter').count()).toBe(2);
      await page.getByRole('button', { name: 'Replay all' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Replay all' }).click();
      await page.getByText('2 dead letters replayed').waitFor();
      await page.getByText('No dead letters').waitFor();
      expect(site.loops.deadLetters.size).toBe(0);
    });

    it('and shows their rates and nodes, queues and workers', async () => {
      const page = await openAt('/loops');
      const loop = page.locator('.loop', { hasText: 'ticker' });
      await expect
        .poll(async () => Number.parseFloat(await loop.locator('.loop-rate-number').innerText()))
        .toBeGreaterThan(1);
      await loop.locator('summary').click();
      await loop.getByText('tick', { exact: true }).waitFor();
      await loop.locator('.sparkline-line').waitFor();
      await goTo(page, '/queues');
      await page.getByText('letters', { exact: true }).waitFor();
      await page.getByRole('region', { name: 'Queue of the fleet' }).waitFor();
      await goTo(page, '/workers');
      await expect.poll(() => page.locator('.table .status[data-status="alive"]').count()).toBe(1);
    });
  });

  it('removes the token from the address', async () => {
    const page = await openAt('/runs');
    expect(page.url()).not.toContain(token);
    await page.reload();
    await page.getByRole('button', { name: 'Changes are unlocked' }).click();
    await page.getByRole('button', { name: 'Lock', exact: true }).click();
    await page.getByRole('button', { name: /^Changes are locked/ }).waitFor();
  });

  it('shows nothing without the token if reading requires it', async () => {
    await served.close();
    await serve({ protectReads: true });
    await start('endless', { runId: 'secret-1' });
    const page = await open(served.url, { expected: /401/ });
    await page.getByText('This dashboard needs a token').waitFor();
    expect(await page.getByText('secret-1').count()).toBe(0);
    await page.getByLabel('Token', { exact: true }).fill(token);
    await page.getByRole('button', { name: 'Open' }).click();
    await row(page, 'secret-1').waitFor();
    await page.locator('[data-state="live"]').waitFor();
  });

  it('works below a mount path', async () => {
    await served.close();
    await serve({ basePath: '/ops' });
    await start('endless', { runId: 'below-1' });
    const page = await openAt('/runs/below-1');
    expect(page.url()).toContain('/ops/');
    await page.getByRole('button', { name: 'Pause' }).click();
    await showsRun(page, 'paused');
  });

  it('keeps up with a flood of changes, and keeps drawing', async () => {
    for (const runId of ['watched-1', 'watched-2', 'watched-3']) await start('endless', { runId });
    const page = await openAt('/runs');
    await row(page, 'watched-3').locator('.status[data-status="running"]').waitFor();
    const flood = flooding(site);
    await page.getByRole('button', { name: /newer runs/ }).waitFor();
    for (const runId of ['watched-1', 'watched-2', 'watched-3']) {
      await site.distributed.cancel(runId, 'seen');
      const before = flood.changes();
      await row(page, runId).locator('.status[data-status="cancelled"]').waitFor();
      // Counted in changes instead of time, because the flood slows down like the page on a busy machine. A second has
      // 1,200.
      expect(flood.changes() - before).toBeLessThan(mostMeanwhile);
    }
    const before = flood.changes();
    await drawn(page, 10);
    expect(flood.changes() - before).toBeLessThan(mostMeanwhile);
    await expect.poll(flood.changes).toBeGreaterThan(3_000);
    await flood.end();
    const total = await site.distributed.countRuns();
    await expect
      .poll(async () =>
        page
          .getByRole('button', { name: /^completed/ })
          .locator('.chip-number')
          .getAttribute('title'),
      )
      .toBe(total.completed.toLocaleString('en'));
  });

  it('reconnects when the server is back', async () => {
    // A server that is closing refuses requests with 503.
    const page = await openAt('/runs', {
      expected: /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|503/,
    });
    await page.locator('[data-state="live"]').waitFor();
    await served.close();
    await page.locator('[data-state="reconnecting"]').waitFor();
    await start('endless', { runId: 'meanwhile-1' });
    await serve({ port: Number(new URL(served.url).port) });
    await page.locator('[data-state="live"]').waitFor();
    await row(page, 'meanwhile-1').waitFor();
    await site.distributed.cancel('meanwhile-1', 'enough');
    await row(page, 'meanwhile-1').locator('.status[data-status="cancelled"]').waitFor();
  });
});

/** Maximum number of changes until one of them must be shown. */
const mostMeanwhile = 6_000;

/** Starts runs that end immediately. Each changes its status at least twice. */
function flooding({ distributed }: Site) {
  let isOver = false;
  let started = 0;
  const begin = performance.now();
  const going = (async () => {
    while (!isOver) {
      const batch = Array.from({ length: 20 }, () => distributed.startRun({}, undefined, { workflow: 'quick' }));
      started += (await Promise.all(batch)).length;
      // Limits the rate, because the flood, the browser and the server share two processors.
      const ahead = (started * 2) / 1.2 - (performance.now() - begin);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, ahead)));
    }
  })();
  const end = async () => {
    isOver = true;
    await going;
  };
  return { changes: () => started * 2, end };
}

/** Resolves when the page has drawn the given number of frames. */
function drawn(page: Page, frames: number): Promise<void> {
  return page.evaluate(`new Promise((resolve) => {
    let left = ${frames};
    const look = () => (left-- === 0 ? resolve() : requestAnimationFrame(look));
    look();
  })`);
}
