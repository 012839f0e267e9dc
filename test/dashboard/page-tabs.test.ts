import { type ServedDashboard, serveDashboard } from 'orchestrator/dashboard';
import type { Page } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeWith } from '../needs/describe-with.js';
import { closePages, open, useBrowser } from './fixtures/browser.js';
import { openSite, type Site } from './fixtures/site.js';

const token = 'a-token-of-this-test';

/** A tab that a test can hide and show: `hide(true)`. */
const hideable = `
  let isHidden = false;
  Object.defineProperty(document, 'visibilityState', { get: () => (isHidden ? 'hidden' : 'visible') });
  window.hide = (value) => { isHidden = value; document.dispatchEvent(new Event('visibilitychange')); };
`;
const withoutWorkers = 'delete window.SharedWorker;';
const brokenWorkers = `
  window.SharedWorker = class extends EventTarget { port = new MessageChannel().port1; };
`;

describeWith('chromium', 'tabs of one browser', () => {
  const built = useBrowser();
  let site: Site;
  let served: ServedDashboard;

  beforeEach(async () => {
    site = await openSite();
    const { distributed, loops } = site;
    served = await serveDashboard({ distributed, loops, token, port: 0, assets: built.assets });
  });

  afterEach(async () => {
    await closePages();
    await served.close();
    await site.close();
  });

  const start = (runId: string, workflow = 'endless') => site.distributed.startRun({}, undefined, { workflow, runId });
  const another = async (page: Page, place: string) => {
    const tab = await page.context().newPage();
    await tab.goto(`${served.url}#${place}`);
    return tab;
  };
  const tabsAt = async (count: number, place: string, options = {}) => {
    const first = await open(`${served.url}#${place}`, options);
    const tabs = [first];
    while (tabs.length < count) tabs.push(await another(first, place));
    return tabs;
  };
  const row = (page: Page, runId: string) => page.locator('.runs tbody tr', { hasText: runId });
  const hide = (page: Page, value: boolean) => page.evaluate(`hide(${value})`);
  const streamOf = (page: Page) => page.locator('.connection').getAttribute('data-state');

  it('are all live, even if there are many', async () => {
    await start('seen-by-all');
    const tabs = await tabsAt(10, '/runs');
    for (const tab of tabs) await row(tab, 'seen-by-all').waitFor();
    await site.distributed.cancel('seen-by-all', 'enough');
    for (const tab of tabs) {
      await row(tab, 'seen-by-all').locator('.status[data-status="cancelled"]').waitFor();
      expect(await streamOf(tab)).toBe('live');
    }
  });

  it('each receive events of the run that they show', async () => {
    const runIds = Array.from({ length: 8 }, (_, index) => `trip-${index}`);
    for (const runId of runIds) await start(runId, 'approval');
    const [list, ...tabs] = await tabsAt(1, '/runs');
    for (const runId of runIds) tabs.push(await another(list as Page, `/runs/${runId}`));
    for (const tab of tabs) await tab.locator('.node[data-node="answer"][data-status="awaiting"]').waitFor();
    for (const runId of runIds) await site.distributed.signal(runId, 'approved', {});
    for (const tab of tabs) await tab.locator('.node[data-node="book"][data-status="completed"]').waitFor();
  });

  it('with and without a token share nothing that needs the token', async () => {
    await served.close();
    const { distributed, loops } = site;
    served = await serveDashboard({ distributed, loops, token, port: 0, assets: built.assets, protectReads: true });
    await start('for-few');
    const page = await open(`${served.url}#/runs`, { token, expected: /401/ });
    await row(page, 'for-few').waitFor();
    const locked = await another(page, '/runs');
    await locked.getByText('This dashboard needs a token').waitFor();
    await site.distributed.cancel('for-few', 'enough');
    await row(page, 'for-few').locator('.status[data-status="cancelled"]').waitFor();
    expect(await streamOf(locked)).toBe('unauthorized');
    expect(await streamOf(page)).toBe('live');
  });

  describe.each([
    ['where there are shared workers', ''],
    ['where there are none', withoutWorkers],
  ])('%s', (_, script) => {
    it('close the stream while they are hidden, and catch up when they are shown', {
      timeout: 240_000,
    }, async () => {
      await start('seen-later');
      const [first] = await tabsAt(1, '/runs', { script: `${hideable}${script}` });
      if (first === undefined) throw new Error('there is a tab');
      await row(first, 'seen-later').waitFor();
      await first.locator('[data-state="live"]').waitFor();
      let shown = first;
      for (let count = 1; count < 8; count++) {
        await hide(shown, true);
        shown = await another(first, '/runs');
        await shown.locator('[data-state="live"]').waitFor();
      }
      await site.distributed.cancel('seen-later', 'enough');
      await row(shown, 'seen-later').locator('.status[data-status="cancelled"]').waitFor();
      expect(await row(first, 'seen-later').locator('.status').getAttribute('data-status')).toBe('running');
      await hide(first, false);
      await row(first, 'seen-later').locator('.status[data-status="cancelled"]').waitFor();
    });
  });

  it('connect by themselves if the worker does not answer', async () => {
    const [tab] = await tabsAt(1, '/runs', { script: brokenWorkers });
    await tab?.locator('[data-state="live"]').waitFor();
  });
});
