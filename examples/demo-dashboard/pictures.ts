/** Takes the screenshots for the guides: the demo in a headless browser. Writes them to docs/pictures. */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type ServedDashboard, serveDashboard } from 'orchestrator/dashboard';
import { chromium, type Page } from 'playwright-core';
import { startFleet } from './fleet.js';
import { createPipeline } from './pipeline.js';

const folder = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));
const { CHROMIUM = '/usr/bin/chromium' } = process.env;

interface Picture {
  readonly name: string;
  readonly scheme: 'light' | 'dark';
  readonly width?: number;
  readonly address: string;
}

/** Milliseconds until the pictures have interesting content: failures, waits, a curve of rates. */
const warmUp = 60_000;

/** Milliseconds until a page is complete and its animations have ended. */
const settling = 1_500;

await mkdir(folder, { recursive: true });
const fleet = await startFleet();
const pipeline = createPipeline();
await pipeline.start();
const dashboard = await serveDashboard({ distributed: fleet.orchestrator, loops: pipeline, title: 'demo', port: 0 });
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
try {
  const loops = await open(dashboard, { name: 'loops', scheme: 'dark', address: '#/loops' });
  await loops.waitForTimeout(warmUp);
  await take(loops, 'loops');
  const report = await runThat('report', (status) => status === 'completed' || status === 'failed');
  const pictures: readonly Picture[] = [
    { name: 'runs', scheme: 'light', address: '#/runs' },
    { name: 'run', scheme: 'light', address: `#/runs/${report}` },
    { name: 'timeline', scheme: 'dark', address: `#/runs/${report}/timeline` },
    { name: 'narrow', scheme: 'dark', width: 390, address: '#/runs' },
  ];
  for (const picture of pictures) {
    const page = await open(dashboard, picture);
    await take(page, picture.name);
    await page.close();
  }
} finally {
  await browser.close();
  await dashboard.close();
  await pipeline.close({ timeout: 1_000 });
  await fleet.stop();
}

async function open({ url, token }: ServedDashboard, { scheme, width = 1_280, address }: Picture) {
  const page = await browser.newPage({ colorScheme: scheme, viewport: { width, height: 800 } });
  // The token comes first, so that the pictures show the page with its actions unlocked.
  await page.goto(`${url}#token=${token}`);
  await page.goto(new URL(address, url).href);
  await page.waitForTimeout(settling);
  return page;
}

async function take(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${folder}${name}.png` });
  process.stdout.write(`${folder}${name}.png\n`);
}

/** Finds a run of a workflow with a matching status and an error, or else its last run. */
async function runThat(workflow: string, stands: (status: string) => boolean): Promise<string> {
  const { runs } = await fleet.orchestrator.listRuns({ workflow });
  const found = runs.find(({ status, error }) => stands(status) && error !== undefined) ?? runs.at(-1);
  if (found === undefined) throw new Error(`there is no run of "${workflow}"`);
  return encodeURIComponent(found.runId);
}
