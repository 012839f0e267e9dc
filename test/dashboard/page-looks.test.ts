import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describeWith } from '../needs/describe-with.js';
import { goTo, openLive, useBrowser, violationsIn } from './fixtures/browser.js';
import { type PageServer, servePage } from './fixtures/page-server.js';
import { emptyWorld, hostile, richWorld } from './fixtures/page-world.js';

const runPath = (runId: string) => `/runs/${encodeURIComponent(runId)}`;

describeWith('chromium', 'the page of the dashboard, as it looks', () => {
  const built = useBrowser();
  let server: PageServer;

  beforeAll(async () => {
    server = await servePage(built.folder, richWorld());
  });

  beforeEach(() => {
    server.world = richWorld();
    server.instead.clear();
    server.posted.length = 0;
  });

  afterAll(() => server.close());

  const openAt = (place: string, options = {}) => openLive(`${server.url}#${place}`, options);

  it('is at most 120 kB, gzipped', async () => {
    expect(built.bytes).toBeGreaterThan(10_000);
    expect(built.bytes).toBeLessThan(80_000);
    const licences = await readFile(join(built.folder, 'LICENSES.txt'), 'utf8');
    for (const name of ['preact', '@dagrejs/dagre', 'eventsource-client']) expect(licences).toContain(name);
  });

  describe('has no violations of accessibility rules', () => {
    const views = [
      ['/runs', '.runs tbody tr'],
      ['/runs?text=nothing-is-like-this', '.empty'],
      ['/runs/three-nodes', '.node'],
      ['/runs/order/graph?node=charge%20card', '.panel .attempt'],
      ['/runs/order/timeline', '.timeline-bar'],
      ['/runs/order/data', '.payload'],
      ['/runs/order/errors', '.failure'],
      ['/runs/order/events', '.events tbody tr'],
      ['/runs/no-graph/graph', '.empty'],
      ['/workers', '.table tbody tr'],
      ['/queues', '.table tbody tr'],
      ['/loops', '.loop'],
      ['/dead-letters', '.letter'],
      ['/nowhere', '.empty'],
    ] as const;
    const looks = [
      ['light', { colorScheme: 'light' }],
      ['dark', { colorScheme: 'dark' }],
      ['narrow', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }],
    ] as const;

    for (const [look, options] of looks) {
      it(`in any view, ${look}`, { timeout: 240_000 }, async () => {
        const page = await openAt('/runs', options);
        const found: Record<string, readonly string[]> = {};
        for (const [place, shown] of views) {
          await goTo(page, place);
          await page.locator(shown).first().waitFor();
          found[place] = await violationsIn(page);
        }
        expect(found).toEqual(Object.fromEntries(views.map(([place]) => [place, []])));
      });
    }

    it('in a graph of 300 nodes', { timeout: 240_000 }, async () => {
      const page = await openAt('/runs/many-nodes');
      await page.locator('.minimap').waitFor();
      expect(await violationsIn(page)).toEqual([]);
    });

    it('in dialogs and menus', async () => {
      const page = await openAt('/runs', { token: 'some-token' });
      await page.locator('.runs-actions button:enabled').first().click();
      expect(await violationsIn(page)).toEqual([]);
      await page.getByRole('menuitem', { name: 'Cancel…' }).click();
      await page.getByRole('dialog').waitFor();
      expect(await violationsIn(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      const keyboard = page.getByRole('dialog', { name: 'Keyboard' });
      // Keys are only handled after the dialog has been removed.
      const press = async () => {
        if (!(await keyboard.isVisible())) await page.keyboard.press('?');
        return keyboard.isVisible();
      };
      await expect.poll(press, { interval: 500 }).toBe(true);
      expect(await violationsIn(page)).toEqual([]);
    });
  });

  it('is never wider than the screen', async () => {
    const page = await openAt('/runs', { viewport: { width: 360, height: 740 } });
    for (const place of [
      '/runs',
      runPath(hostile.long),
      '/runs/order/errors',
      '/workers',
      '/queues',
      '/loops',
      '/dead-letters',
    ]) {
      await goTo(page, place);
      await page.locator('.main h1').waitFor({ state: 'attached' });
      expect(await page.evaluate('document.documentElement.scrollWidth'), place).toBe(360);
    }
  });

  describe('shows names and values as text', () => {
    it('in every view', async () => {
      const page = await openAt('/runs');
      const places = [
        '/runs',
        '/runs/order',
        '/runs/order/data',
        '/runs/order/events',
        '/queues',
        '/loops',
        '/dead-letters',
      ];
      for (const place of [...places, runPath(hostile.markup)]) {
        await goTo(page, place);
        await page.getByText('<img src=x', { exact: false }).first().waitFor({ state: 'attached' });
        expect(await page.locator('img, #page script').count(), place).toBe(0);
        expect(await page.title()).not.toBe('owned');
      }
    });

    it('writes characters that would reverse or hide parts of a name as codes', async () => {
      const page = await openAt('/runs');
      await page.getByRole('link', { name: 'invoice-\\u{202e}gnp.exe' }).waitFor();
      expect(await page.locator('#page').innerText()).not.toMatch(/[\u202e\u200b\u2060]/);
    });

    it('and has a working address for any id', async () => {
      for (const runId of Object.values(hostile)) {
        const page = await openAt('/runs');
        await page
          .locator('.run-link')
          .nth(server.world.runs.findIndex((run) => run.runId === runId))
          .click();
        await page.locator('.run-head h1').waitFor();
        expect(decodeURIComponent(await page.evaluate<string>('location.hash'))).toContain(runId);
        await page.reload();
        await page.locator('.run-head h1').waitFor();
      }
    });
  });

  describe('the list of runs', () => {
    it('keeps its filters in the address, and goes back to them', async () => {
      const page = await openAt('/runs');
      await page.getByRole('button', { name: /^failed/ }).click();
      await expect.poll(() => page.url()).toContain('status=failed');
      await page.locator('.status[data-status="failed"]').first().waitFor();
      await expect.poll(() => page.locator('.runs .status:not([data-status="failed"])').count()).toBe(0);
      await page.getByLabel('Workflow').selectOption('order-fulfilment');
      await expect.poll(() => page.url()).toContain('workflow=order-fulfilment');
      await page.goBack();
      await expect.poll(() => page.url()).not.toContain('workflow');
      await expect.poll(() => page.getByLabel('Workflow').inputValue()).toBe('');
      await page.goBack();
      await page.locator('.status[data-status="running"]').first().waitFor();
      await page.goForward();
      await expect.poll(() => page.locator('.runs .status:not([data-status="failed"])').count()).toBe(0);
    });

    it('searches while the user types', async () => {
      const page = await openAt('/runs');
      await page.keyboard.press('/');
      await page.keyboard.type('three-n');
      await expect.poll(() => page.locator('.runs tbody tr').count()).toBe(1);
      await expect.poll(() => page.url()).toContain('text=three-n');
      await page.keyboard.press('Escape');
      await expect.poll(() => page.locator('.runs tbody tr').count()).toBe(50);
    });

    it('filters by time', async () => {
      const page = await openAt('/runs');
      await page.getByLabel('Time').selectOption('15m');
      await expect.poll(() => page.locator('.runs tbody tr').count()).toBeLessThan(26);
      await page.getByLabel('Time').selectOption('custom');
      await page.getByLabel('Created before').fill('2020-01-01T00:00');
      await page.getByText('No matching runs').waitFor();
      await page.getByRole('button', { name: 'Clear filters' }).click();
      await expect.poll(() => page.locator('.runs tbody tr').count()).toBe(50);
    });

    it('turns pages', async () => {
      const page = await openAt('/runs');
      const first = await page.locator('.run-link').first().innerText();
      await page.getByRole('button', { name: 'Older' }).click();
      await expect.poll(() => page.locator('.run-link').first().innerText()).not.toBe(first);
      await page.getByRole('button', { name: 'Newer' }).click();
      await expect.poll(() => page.locator('.run-link').first().innerText()).toBe(first);
    });

    it('can be walked through with keys', async () => {
      const page = await openAt('/runs');
      await page.locator('.run-link').first().focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowUp');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await expect.poll(() => page.url()).toContain('/runs/many-nodes');
      // The address changes before the page is rendered.
      await page.locator('.run-title').waitFor();
      await page.keyboard.press('Escape');
      await expect.poll(() => page.url()).toMatch(/#\/runs$/);
    });

    it('counts newer runs, and shows them on request', async () => {
      const page = await openAt('/runs');
      const first = await page.locator('.run-link').first().innerText();
      const [newest] = server.world.runs;
      if (newest === undefined) throw new Error('there are runs');
      const added = { ...newest, runId: 'brand-new', createdAt: Date.now() + 1_000 };
      server.world.runs = [added, ...server.world.runs];
      server.tell('runs', { changed: [{ runId: 'brand-new', status: 'running' }], hasMore: false });
      await page.getByRole('button', { name: '1 newer run' }).waitFor();
      expect(await page.locator('.run-link').first().innerText()).toBe(first);
      await page.getByRole('button', { name: '1 newer run' }).click();
      await expect.poll(() => page.locator('.run-link').first().innerText()).toBe('brand-new');
    });
  });

  describe('the graph of a run', () => {
    const scale = (page: Page) =>
      page
        .locator('.graph-picture > g')
        .evaluate((group) => Number(/scale\((.*)\)/.exec(group.getAttribute('transform') ?? '')?.[1]));

    it('shows a node’s details when it is chosen, by mouse or keys', async () => {
      const page = await openAt('/runs/three-nodes');
      await page.getByRole('button', { name: 'fetch: completed' }).click();
      await page.getByRole('complementary', { name: 'Node' }).getByText('worker-a1').waitFor();
      await page.keyboard.press('Escape');
      await expect.poll(() => page.locator('.panel').count()).toBe(0);
      await page.getByRole('button', { name: 'fetch: completed' }).focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      await expect.poll(() => page.url()).toContain('node=transform');
      await page.locator('.panel').getByText('worker-b2').waitFor();
    });

    it('is zoomed and moved by wheel, keys, buttons and drag', async () => {
      const page = await openAt('/runs/many-nodes');
      await page.locator('.node').first().waitFor();
      const begin = await scale(page);
      await page.getByRole('button', { name: 'Zoom in' }).click();
      await expect.poll(() => scale(page)).toBeGreaterThan(begin);
      await page.getByRole('button', { name: 'Show all' }).click();
      await expect.poll(() => scale(page)).toBeLessThan(0.4);
      const all = await scale(page);
      await page.locator('.graph-picture').hover();
      await page.keyboard.down('Control');
      await page.mouse.wheel(0, -200);
      await page.keyboard.up('Control');
      await expect.poll(() => scale(page)).toBeGreaterThan(all);
      const place = () => page.locator('.graph-picture > g').getAttribute('transform');
      const before = await place();
      const box = await page.locator('.graph-picture').boundingBox();
      if (box === null) throw new Error('the graph is there');
      await page.mouse.move(box.x + 300, box.y + 30);
      await page.mouse.down();
      await page.mouse.move(box.x + 380, box.y + 90, { steps: 4 });
      await page.mouse.up();
      await expect.poll(place).not.toBe(before);
    });

    it('is drawn for 300 nodes within the screen, with a minimap', async () => {
      const page = await openAt('/runs/many-nodes');
      await page.locator('.minimap').waitFor();
      expect(await page.locator('.node').count()).toBe(300);
    });

    it('stays as it is when the panel of a node opens', async () => {
      const page = await openAt('/runs/order', { viewport: { width: 1100, height: 900 } });
      const places = () =>
        page
          .locator('.node-box')
          .evaluateAll((boxes) => boxes.map((box) => `${box.getAttribute('x')} ${box.getAttribute('y')}`));
      await page.locator('.node').first().waitFor();
      const before = await places();
      await page.locator('.node[data-node="charge card"]').click();
      await page.locator('.panel').waitFor();
      await expect.poll(() => page.locator('.graph').evaluate((graph) => graph.clientWidth < 800)).toBe(true);
      await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
      expect(await places()).toEqual(before);
    });

    it('opens at its start if no node is active', async () => {
      const page = await openAt('/runs/done');
      const start = page.locator('.node[data-node="start"]');
      await start.waitFor();
      const [box, frame] = await Promise.all([start.boundingBox(), page.locator('.graph').boundingBox()]);
      if (box === null || frame === null) throw new Error('both are there');
      expect(box.x).toBeGreaterThanOrEqual(frame.x);
      expect(box.y).toBeGreaterThanOrEqual(frame.y);
      expect(box.x + box.width).toBeLessThanOrEqual(frame.x + frame.width);
      expect(box.y + box.height).toBeLessThanOrEqual(frame.y + frame.height);
    });

    it('is drawn for a chain of 2,000 nodes', { timeout: 240_000 }, async () => {
      const page = await openAt('/runs/deep');
      await expect.poll(() => page.locator('.node').count(), { timeout: 120_000 }).toBe(2_000);
    });

    it('shows since when a node waits, and which nodes were not reached', async () => {
      const page = await openAt('/runs/waiting/graph?node=answer');
      await page
        .locator('.panel')
        .getByText(/^17 min \d\d s$/)
        .first()
        .waitFor();
      expect(await page.getByText(/^0[.\d]* ms$/).count()).toBe(0);
      await page.locator('.node[data-node="book"]').getByText('not reached', { exact: true }).waitFor();
      await goTo(page, '/runs/waiting/timeline');
      expect(await page.locator('.timeline-bar.is-awaiting').getAttribute('title')).toMatch(/awaiting, 17 min \d\d s$/);
    });

    it('says so if the graph is unknown', async () => {
      const page = await openAt('/runs/no-graph/graph');
      await page.getByText('The graph of this run is not known').waitFor();
      await page.getByRole('link', { name: 'Go to the timeline' }).click();
      await page.locator('.timeline-bar').first().waitFor();
    });
  });

  it('shows 1,000 attempts in a zoomable timeline, and draws only the visible ones', async () => {
    const page = await openAt('/runs/many-nodes/timeline');
    await page.locator('.timeline-bar').first().waitFor();
    expect(await page.locator('.timeline-row').count()).toBeLessThan(60);
    await page.locator('.timeline-scroller').evaluate((element) => element.scrollTo({ top: 4_000 }));
    await page.getByText('process-chunk-0150', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Zoom in' }).click();
    await expect
      .poll(() => page.locator('.timeline-scroller').evaluate((element) => element.scrollWidth > element.clientWidth))
      .toBe(true);
    await page.locator('.timeline-bar').first().focus();
    await page.locator('.timeline-details .status').waitFor();
  });

  it('shows details of the timeline on the screen, however long it is', async () => {
    for (const viewport of [
      { width: 1280, height: 720 },
      { width: 390, height: 700 },
    ]) {
      const page = await openAt('/runs/many-nodes/timeline', { viewport });
      await page.locator('.timeline-bar').nth(3).hover();
      await page.locator('.timeline-details .status').waitFor();
      const box = await page.locator('.timeline-details').boundingBox();
      expect((box?.y ?? Infinity) + (box?.height ?? Infinity)).toBeLessThanOrEqual(viewport.height);
    }
  });

  it('has space for long names of workflows, and counts those that do not fit', async () => {
    for (const width of [1280, 390]) {
      const page = await openAt('/workers', { viewport: { width, height: 800 } });
      const cell = page.locator('tr', { hasText: 'reconciliation-of' }).locator('.tags');
      await cell.waitFor({ state: 'attached' });
      const boxes = await cell.locator('> *').evaluateAll((parts) =>
        parts.map((part) => {
          const { left, right } = part.getBoundingClientRect();
          return { left, right, name: part.querySelector('.name')?.getBoundingClientRect().right ?? right };
        }),
      );
      expect(boxes).toHaveLength(3);
      for (const [index, box] of boxes.entries()) {
        expect(box.name).toBeLessThanOrEqual(box.right);
        expect(box.left).toBeGreaterThanOrEqual(boxes[index - 1]?.right ?? 0);
      }
    }
  });

  it('says so while the engine does not answer', async () => {
    const page = await openAt('/runs');
    server.tell('engine', { isAnswering: false, since: Date.now(), problem: 'redis at h does not answer' });
    await page.locator('[data-state="engine-away"]').waitFor();
    await page.getByRole('alert').getByText('redis at h does not answer').waitFor();
    expect(await violationsIn(page)).toEqual([]);
    server.tell('engine', { isAnswering: true, since: Date.now() });
    await page.locator('[data-state="live"]').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('forgets workers that are silent', async () => {
    const page = await openAt('/workers', { token: 'some-token' });
    await page.getByRole('button', { name: 'Forget 1 silent' }).click();
    await page.getByRole('button', { name: 'Forget', exact: true }).click();
    await page.getByText('1 worker forgotten').waitFor();
    const silent = server.world.workers.find(({ alive }) => !alive)?.workerId;
    expect(server.posted).toEqual([{ path: `api/workers/${silent}/forget`, body: {} }]);
  });

  it('shows errors with their causes, and with stacks that can be opened', async () => {
    const page = await openAt('/runs/order/errors');
    await page.getByText('insufficient_funds').first().waitFor();
    await page.getByText('Stack', { exact: true }).first().click();
    await page.getByText('at charge (/srv/app/payments/charge.js:81:11)').first().waitFor();
  });

  it('says that a value is shortened, and copies it', async () => {
    const page = await openAt('/runs/order/data', { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.getByText('of 184,220 characters are shown').waitFor();
    await page.locator('.value').first().getByRole('button', { name: 'Copy' }).click();
    expect(await page.evaluate('navigator.clipboard.readText()')).toContain(hostile.markup.slice(0, 12));
  });

  it('lists events page by page', async () => {
    const page = await openAt('/runs/order/events');
    await expect.poll(() => page.locator('.events tbody tr').count()).toBe(200);
    await page.getByRole('button', { name: 'Show more' }).click();
    await expect.poll(() => page.locator('.events tbody tr').count()).toBe(400);
    await page.getByRole('button', { name: 'Show more' }).click();
    await expect.poll(() => page.locator('.events tbody tr').count()).toBe(430);
    expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(0);
  });

  describe('an empty or failed view', () => {
    it('says what to do', async () => {
      server.world = emptyWorld();
      const page = await openAt('/runs');
      await page.getByText('No runs yet').waitFor();
      await goTo(page, '/workers');
      await page.getByText('No workers').waitFor();
      await goTo(page, '/loops');
      await page.getByText('No loops are loaded').waitFor();
      await goTo(page, '/dead-letters');
      await page.getByText('No dead letters').waitFor();
    });

    it('says what this dashboard does not show', async () => {
      const { distributed: _, loops: __, ...overview } = server.world.overview;
      server.world = { ...emptyWorld(), overview };
      const page = await openAt('/runs');
      await page.getByText('This dashboard shows no runs').waitFor();
      await goTo(page, '/workers');
      await page.getByText('This dashboard shows no workers').waitFor();
      await goTo(page, '/loops');
      await page.getByText('This dashboard shows no loops').waitFor();
    });

    it('offers a retry', async () => {
      server.instead.set('api/runs', {
        status: 503,
        body: { error: { code: 'unavailable', message: 'The engine does not answer' } },
      });
      const page = await openAt('/runs', { expected: /503/ });
      await page.getByText('The engine does not answer').waitFor();
      server.instead.clear();
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.locator('.run-link').first().waitFor();
    });

    it('reports unknown runs', async () => {
      const page = await openAt('/runs/unknown', { expected: /404/ });
      await page.getByText('There is no such run').waitFor();
      await page.getByRole('link', { name: 'Go to the runs' }).click();
      await page.locator('.run-link').first().waitFor();
    });
  });

  it('shows no actions in a read-only dashboard', async () => {
    server.world.overview = { ...server.world.overview, hasActions: false };
    const page = await openAt('/runs/three-nodes');
    await page.getByText('Read-only').waitFor();
    expect(await page.getByRole('button', { name: 'Pause' }).count()).toBe(0);
  });

  it('keeps the chosen theme', async () => {
    const page = await openAt('/runs', { colorScheme: 'light' });
    const paper = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const light = await paper();
    await page.getByRole('button', { name: /^Theme/ }).click();
    expect(await paper()).toBe(light);
    await page.getByRole('button', { name: /^Theme/ }).click();
    const dark = await paper();
    expect(dark).not.toBe(light);
    await page.reload();
    await page.locator('.run-link').first().waitFor();
    expect(await paper()).toBe(dark);
  });

  it('navigates by keys, and shows the current page in its title', async () => {
    const page = await openAt('/runs');
    for (const [key, title] of [
      ['w', 'Workers'],
      ['q', 'Queues'],
      ['l', 'Loops'],
      ['d', 'Dead letters'],
      ['r', 'Runs'],
    ] as const) {
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await expect.poll(() => page.title()).toBe(`${title} · acme production`);
    }
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
  });

  it('has no animations for users who prefer reduced motion', async () => {
    const page = await openAt('/runs', { reducedMotion: 'reduce' });
    await page.locator('.icon-arc').first().waitFor();
    expect(await page.evaluate('document.getAnimations().length')).toBe(0);
  });

  it('asks for confirmation before it cancels, and sends the reason', async () => {
    const page = await openAt('/runs/three-nodes', { token: 'some-token' });
    await page.getByRole('button', { name: 'Cancel…' }).click();
    await page.getByRole('button', { name: 'Keep running' }).click();
    expect(server.posted).toEqual([]);
    await page.getByRole('button', { name: 'Cancel…' }).click();
    await page.getByLabel('Reason').fill('no longer needed');
    await page.getByRole('button', { name: 'Cancel run' }).click();
    await page.getByText('The run is cancelled').waitFor();
    expect(server.posted).toEqual([{ path: 'api/runs/three-nodes/cancel', body: { reason: 'no longer needed' } }]);
  });
});
