import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeWith } from '../needs/describe-with.js';
import { openLive, useBrowser } from './fixtures/browser.js';
import { type PageServer, servePage } from './fixtures/page-server.js';
import { richWorld } from './fixtures/page-world.js';

describeWith('chromium', 'the page of the dashboard, by keys alone', () => {
  const built = useBrowser();
  let server: PageServer;

  beforeAll(async () => {
    server = await servePage(built.folder, richWorld());
  });

  beforeEach(() => {
    server.world = richWorld();
  });

  afterAll(() => server.close());

  const openAt = (place: string) => openLive(`${server.url}#${place}`, { token: 'some-token' });
  /** Describes the focused element. */
  const focus = (page: Page) =>
    page.evaluate<string>(`(({ activeElement: at }) =>
      at.id || at.getAttribute('aria-label') || at.getAttribute('data-node') || at.closest('label')?.innerText.trim() ||
      at.innerText.trim() || at.tagName)(document)`);
  const hasFocus = (page: Page, what: string) => expect.poll(() => focus(page)).toBe(what);

  it('has dialogs that focus their first field, and return the focus', async () => {
    const page = await openAt('/runs/three-nodes');
    await page.getByRole('button', { name: 'Cancel…' }).focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => focus(page)).toMatch(/^Reason/);
    await page.keyboard.press('Escape');
    await hasFocus(page, 'Cancel…');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Keep running' }).focus();
    await page.keyboard.press('Enter');
    await hasFocus(page, 'Cancel…');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
    await hasFocus(page, 'Close');
    await page.keyboard.press('Enter');
    await hasFocus(page, 'Cancel…');
    await page.getByRole('button', { name: 'Changes are unlocked' }).focus();
    await page.keyboard.press('Enter');
    await hasFocus(page, 'Keep unlocked');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect.poll(() => focus(page)).toMatch(/^Changes are locked/);
    await page.keyboard.press('Enter');
    await hasFocus(page, 'Token');
  });

  it('returns the focus to the button that opened a dialog, also through a menu', async () => {
    const page = await openAt('/runs');
    await page.locator('.menu button:enabled').first().waitFor();
    await page.locator('.run-link').first().focus();
    await page.keyboard.press('Tab');
    const menu = await focus(page);
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: 'Pause' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await expect.poll(() => focus(page)).toMatch(/^Reason/);
    await page.keyboard.press('Escape');
    await hasFocus(page, menu);
  });

  it('focuses the content when a run opens, and the run in the list when it is left', async () => {
    const page = await openAt('/runs');
    await page.locator('.run-link').nth(2).focus();
    await page.keyboard.press('Enter');
    await page.locator('.run-title').waitFor();
    await hasFocus(page, 'main');
    await page.keyboard.press('Tab');
    await hasFocus(page, 'Runs');
    await page.keyboard.press('Escape');
    await hasFocus(page, 'many-nodes');
  });

  it('keeps the focus nearby when the focused element disappears', async () => {
    const page = await openAt('/runs/three-nodes');
    await page.getByRole('button', { name: 'Pause' }).focus();
    const paused = server.world.details.get('three-nodes');
    if (paused === undefined) throw new Error('there is such a run');
    server.world.details.set('three-nodes', { ...paused, run: { ...paused.run, status: 'paused' } });
    await page.keyboard.press('Enter');
    await hasFocus(page, 'Resume');
    await page.getByRole('button', { name: 'fetch: completed' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: 'Node' }).getByRole('button', { name: 'Close' }).focus();
    await page.keyboard.press('Enter');
    await hasFocus(page, 'fetch');
    await page.keyboard.press('End');
    await hasFocus(page, 'store');
    await page.keyboard.press('Home');
    await hasFocus(page, 'fetch');
  });

  it('moves the focus on from disabled buttons', async () => {
    const page = await openAt('/runs?status=running');
    await page.getByRole('button', { name: 'Clear' }).focus();
    await page.keyboard.press('Enter');
    await hasFocus(page, 'Search runs');
    await page.getByRole('button', { name: 'Older' }).focus();
    for (let turn = 0; turn < 3; turn++) {
      const first = await page.locator('.run-link').first().innerText();
      await page.keyboard.press('Enter');
      await expect.poll(() => page.locator('.run-link').first().innerText()).not.toBe(first);
    }
    await hasFocus(page, 'Newer');
  });

  it('leaves the focus nowhere after a click beside everything', async () => {
    const page = await openAt('/runs/three-nodes');
    await page.getByRole('button', { name: 'Pause' }).focus();
    await page.locator('.facts').click({ position: { x: 2, y: 2 } });
    await expect
      .poll(() => page.evaluate('document.activeElement === document.body || document.activeElement.id === "main"'))
      .toBe(true);
  });
});
