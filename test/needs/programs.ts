import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program that some tests need, and that npm does not bring. */
interface Needed {
  /** The names that it may have. */
  readonly commands: readonly string[];
  /** Arguments with which it ends at once. */
  readonly check: readonly string[];
  /** What it prints then. Default: anything, but it ends well. */
  readonly says?: RegExp;
  readonly howToGetIt: string;
}

const install = (debian: string, homebrew: string) => `\`apt-get install ${debian}\`, or \`brew install ${homebrew}\``;

export const programs = {
  'redis-server': { commands: ['redis-server'], check: ['--version'], howToGetIt: install('redis-server', 'redis') },
  'redis-tls': {
    commands: ['redis-server'],
    check: ['--port', '0', '--tls-port', '1', '--tls-cert-file', 'none'],
    says: /configure TLS/,
    howToGetIt: 'a `redis-server` that is built with TLS, as those of Debian and Homebrew are',
  },
  faketime: { commands: ['faketime'], check: ['--version'], howToGetIt: install('faketime', 'libfaketime') },
  chromium: {
    commands: ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'],
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
  const { commands, check, says }: Needed = programs[program];
  // Debian keeps servers where the PATH of a user may not lead.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  const runs = (path: string) => {
    const { status, stdout, stderr } = spawnSync(path, check, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return says === undefined ? status === 0 : says.test(stdout + stderr);
  };
  return commands
    .flatMap((command) => folders.map((folder) => join(folder, command)))
    .find((path) => existsSync(path) && runs(path));
}
