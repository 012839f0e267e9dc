import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program that some tests need, and that npm does not bring. */
interface Needed {
  /** The names that it may have. */
  readonly commands: readonly string[];
  /** Arguments with which it ends at once, and well. */
  readonly check: readonly string[];
  readonly howToGetIt: string;
}

const install = (debian: string, homebrew: string) => `\`apt-get install ${debian}\`, or \`brew install ${homebrew}\``;

export const programs = {
  'redis-server': { commands: ['redis-server'], check: ['--version'], howToGetIt: install('redis-server', 'redis') },
  chromium: {
    commands: ['chromium', 'chromium-browser', 'google-chrome'],
    check: ['--version'],
    howToGetIt: install('chromium', '--cask chromium'),
  },
  pgbouncer: { commands: ['pgbouncer'], check: ['--version'], howToGetIt: install('pgbouncer', 'pgbouncer') },
  openssl: { commands: ['openssl'], check: ['version'], howToGetIt: install('openssl', 'openssl') },
  tmux: { commands: ['tmux'], check: ['-V'], howToGetIt: install('tmux', 'tmux') },
} as const satisfies Record<string, Needed>;

export type Program = keyof typeof programs;

/** The path of a program; undefined if it is not installed, or does not run. */
export function pathOf(program: Program): string | undefined {
  const { commands, check }: Needed = programs[program];
  // Debian keeps servers where the PATH of a user may not lead.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return commands
    .flatMap((command) => folders.map((folder) => join(folder, command)))
    .find((path) => existsSync(path) && spawnSync(path, check, { stdio: 'ignore' }).status === 0);
}
