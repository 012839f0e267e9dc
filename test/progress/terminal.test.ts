import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { describeWith } from '../needs/describe-with.js';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const script = 'test/progress/fixtures/script.ts';
let sessions = 0;
let directory: string;
const shell = "env 'PS1=$ ' bash --norc --noprofile";
const spinner = /[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/;
const live = /[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] the job +\d.*s\n└ [⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] map anonymous +\d.*s {2}━+.*─+ {2}[\d,]+\/2,000 · \d+ %/;

async function tmux(...args: readonly string[]): Promise<string> {
  const { stdout } = await execute('tmux', ['-L', `progress-${process.pid}-${sessions}`, '-f', '/dev/null', ...args], {
    env: terminalEnvironment(),
  });
  return stdout;
}

/** Environment of a separate terminal, independent of the terminal that runs the tests. */
function terminalEnvironment(): NodeJS.ProcessEnv {
  const { TMUX: _, CI: __, NO_COLOR: ___, FORCE_COLOR: ____, ...environment } = process.env;
  return { ...environment, LC_ALL: 'C.UTF-8', HISTFILE: '/dev/null' };
}

/** Returns the screen without the empty lines at the bottom. */
async function screen(): Promise<string> {
  return (await tmux('capture-pane', '-p')).trimEnd();
}

/** Returns everything that was ever on the screen and was not erased. */
async function everything(): Promise<string> {
  return (await tmux('capture-pane', '-p', '-S', '-')).trimEnd();
}

const isCursorVisible = async () => (await tmux('display-message', '-p', '#{cursor_flag}')).trim() === '1';

async function until(holds: (screen: string) => boolean | Promise<boolean>): Promise<string> {
  const began = performance.now();
  for (;;) {
    const shown = await screen();
    if (await holds(shown)) return shown;
    if (performance.now() - began > 100_000) throw new Error(`it did not hold on this screen: ${holds}\n${shown}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

async function type(...keys: readonly string[]): Promise<void> {
  await tmux('send-keys', ...keys);
}

/** Runs the script in a shell, as a user would. */
async function start(scenario: string): Promise<void> {
  await type(`PROCEED=${join(directory, 'proceed')} node --import tsx ${script} ${scenario}; echo "it ended with $?"`);
  await type('Enter');
}

/** Lets a waiting script continue. */
async function proceed(): Promise<void> {
  await writeFile(join(directory, 'proceed'), '');
}

const hasEnded = (shown: string) => /it ended with \d+\n\$$/.test(shown);
const count = (text: string, part: string) => text.split(part).length - 1;

describeWith('tmux', 'in a real terminal', () => {
  beforeEach(async () => {
    sessions++;
    directory = await temporaryDirectory();
    await tmux('new-session', '-d', '-x', '90', '-y', '20', '-c', root, shell);
    await until((shown) => shown.endsWith('$'));
  });

  afterEach(async () => {
    await tmux('kill-server').catch(() => {});
    await removeDirectory(directory);
  });

  it('shows what is going on, and leaves a summary and the cursor', async () => {
    await start('many');
    await until((shown) => live.test(shown));
    expect(await isCursorVisible()).toBe(false);
    await proceed();
    await until(hasEnded);
    const all = await everything();
    expect(all).toMatch(/\n\n✓ the job {2}\d.+ · 2,000 tasks\n {4}task .+\n {4}work +2,000 .+\nit ended with 0\n\$$/);
    expect(all).not.toMatch(spinner);
    expect(count(all, 'the job')).toBe(1);
    expect(await isCursorVisible()).toBe(true);
  }, 240_000);

  it('is coloured', async () => {
    await start('endless');
    await until((shown) => shown.includes('endless') && shown.includes('✓'));
    // tmux may report that there is no background colour.
    const coloured = (await tmux('capture-pane', '-p', '-e')).replaceAll('\u001b[49m', '');
    expect(coloured).toContain('\u001b[32m✓');
    expect(coloured).toMatch(/36m[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/);
  }, 240_000);

  it('ends by Ctrl-C as a script does, with what was going on, and with the cursor', async () => {
    await start('endless');
    await until((shown) => spinner.test(shown) && shown.includes('✓'));
    await type('C-c');
    await until((shown) => shown.endsWith('$'));
    const all = await everything();
    expect(all).toMatch(/■ the job +\d.*s\n├ ✓ quick +\d.*s\n└ ■ endless +\d.*s\n\n■ the job {2}not finished after/);
    expect(all).not.toMatch(spinner);
    expect(await isCursorVisible()).toBe(true);
    await type('echo "code $?"', 'Enter');
    await until((shown) => shown.includes('code 130'));
  }, 240_000);

  it('leaves Ctrl-C to a script that listens to it, and goes on until that is done', async () => {
    await start('graceful');
    await until((shown) => spinner.test(shown));
    await type('C-c');
    await until(hasEnded);
    const all = await everything();
    expect(all).toContain('cleaned up\n');
    expect(all).toMatch(/■ the job {2}\d.+ cancelled/);
    expect(all).not.toMatch(spinner);
    expect(await isCursorVisible()).toBe(true);
  }, 240_000);

  it.each([
    ['exits in the middle', 'exit', 3],
    ['ends by an error that nobody catches', 'throw', 1],
  ])(
    'leaves the cursor and a clean screen where the script %s',
    async (_, scenario, code) => {
      await start(scenario);
      await until((shown) => spinner.test(shown));
      await proceed();
      await until(hasEnded);
      const all = await everything();
      expect(all).toContain(`it ended with ${code}\n`);
      expect(all).toMatch(/■ the job {2}not finished/);
      expect(all).not.toMatch(spinner);
      expect(await isCursorVisible()).toBe(true);
    },
    240_000,
  );

  it('stays below what the script writes meanwhile, of which nothing is lost or twice', async () => {
    await start('noisy');
    await until((shown) => /line 7 of the script\n(.*\n)*[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] the job/.test(shown));
    await proceed();
    await until(hasEnded);
    const all = await everything();
    for (let line = 1; line <= 20; line++) expect(count(all, `line ${line} of the script\n`)).toBe(1);
    expect(all).not.toMatch(spinner);
    expect(count(all, 'the job')).toBe(1);
  }, 240_000);

  it('is there nearly all the time, however often the script writes', async () => {
    await start('chatty');
    await until((shown) => /line \d+ of the script\n[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] the job/.test(shown));
    // On a busy machine, more samples than usual fall between a write and the next drawing.
    const nearlyAlways = async () => {
      let seen = 0;
      for (let look = 0; look < 40; look++) {
        if (/line \d+ of the script\n[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] the job[^\n]*$/.test(await screen())) seen++;
      }
      return seen >= 36;
    };
    await eventually(nearlyAlways, { timeout: 90_000 });
    await type('C-c');
    await until((shown) => shown.endsWith('$'));
    expect(await everything()).not.toMatch(spinner);
  }, 240_000);

  it('waits while a line is open, such as a question', async () => {
    await start('prompt');
    await until((shown) => /Your name\? *$/.test(shown));
    await until(isCursorVisible);
    await type('Ada', 'Enter');
    await until(hasEnded);
    const all = await everything();
    expect(all).toMatch(/Your name\? Ada\n(.*\n)*Hello Ada\n/);
    expect(all).not.toMatch(spinner);
  }, 240_000);

  it('follows the size of the terminal, and leaves nothing of what it was before', async () => {
    // The picture is below earlier output, as usual.
    await tmux('resize-window', '-y', '40');
    await type('clear; seq 1 24', 'Enter');
    await until((shown) => shown.endsWith('24\n$'));
    await start('names');
    await until((shown) => shown.includes('family'));
    for (const [width, longName] of [
      [120, /├ . a{42}… {2}\d/],
      [25, /├ . a{15}… {2}\d+(\.\d)?…\n/],
      [90, /├ . a{30}… {2}\d/],
    ] as const) {
      // tmux reports a new size at most four times a second. Until then the program draws for the old size.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await tmux('resize-window', '-x', `${width}`);
      await until((shown) => longName.test(shown));
      const all = await everything();
      expect(count(all, 'the job')).toBe(1);
      expect(count(all, 'endless')).toBe(5);
      // One line for the process and two for each name: none of them has wrapped.
      expect(all.slice(all.search(spinner)).split('\n').length).toBe(11);
    }
    await type('C-c');
    await until((shown) => shown.endsWith('$'));
    expect(await everything()).not.toMatch(spinner);
    expect(await isCursorVisible()).toBe(true);
  }, 240_000);

  it('never takes more lines than there are, however much goes on', async () => {
    await start('wide');
    for (const height of [20, 8, 30]) {
      await tmux('resize-window', '-y', `${height}`);
      const shown = await until((shown) => count(shown, 'the job') === 1 && shown.includes('more under way'));
      expect(shown.split('\n').length).toBeLessThanOrEqual(height);
    }
    await type('C-c');
    await until((shown) => shown.endsWith('$'));
    expect(await screen()).not.toMatch(spinner);
  }, 240_000);

  it('shows hostile, wide and long names, each on one line', async () => {
    await start('names');
    const shown = await until((shown) => shown.includes('family') && shown.includes('sign'));
    expect(shown).toMatch(/├ [⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] red line +\d/);
    expect(shown).toMatch(/├ [⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] 漢字の名前 ✨ +\d/);
    expect(shown).toMatch(/├ [⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] a+… +\d/);
    expect(count(shown, 'the job')).toBe(1);
    await type('C-c');
    await until((shown) => shown.endsWith('$'));
    expect(await everything()).not.toMatch(spinner);
  }, 240_000);
});
