import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { builtIn } from '../../scripts/built-in.js';
import { eventually } from '../distributed/servers/eventually.js';
import { guardProcess, removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const entries = [
  'index',
  'flow/index',
  'distributed/index',
  'loops/index',
  'progress/index',
  'dashboard/index',
  'cli/main',
];

/** A user's project with the package installed, as npm would install it, and its command line. */
export class Installed {
  private constructor(
    readonly directory: string,
    readonly bin: string,
  ) {}

  /** @param without - names of packages that are left out */
  static async create({ without = [] }: { readonly without?: readonly string[] } = {}): Promise<Installed> {
    const directory = await temporaryDirectory();
    const own = join(directory, 'node_modules', 'orchestrator');
    await mkdir(own, { recursive: true });
    await Promise.all([bundled(join(own, 'dist')), cp(join(root, 'package.json'), join(own, 'package.json'))]);
    for (const name of await readdir(join(root, 'node_modules'))) {
      if (name.startsWith('.') || without.includes(name)) continue;
      await symlink(join(root, 'node_modules', name), join(directory, 'node_modules', name));
    }
    const bin = join(directory, 'node_modules', 'orchestrator', 'dist', 'cli', 'main.js');
    const installed = new Installed(directory, bin);
    await installed.write('package.json', '{ "type": "module" }');
    return installed;
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.directory, name), text);
  }

  /** Starts the command line in a separate process. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
    return new Program(process.execPath, [this.bin, ...args], this.directory, env);
  }

  /** Runs a line of bash, with the command line as `orchestrator`. */
  bash(line: string, env: Readonly<Record<string, string>> = {}): Program {
    const path = join(this.directory, 'bin');
    const script = `mkdir -p ${path} && ln -sf ${this.bin} ${path}/orchestrator && chmod +x ${this.bin} && PATH=${path}:$PATH\n${line}`;
    return new Program('bash', ['--noprofile', '--norc', '-c', script], this.directory, env);
  }

  remove(): Promise<void> {
    return removeDirectory(this.directory);
  }
}

/** A program in a separate process. */
export class Program {
  stdout = '';
  stderr = '';
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
  readonly #process: ChildProcessWithoutNullStreams;

  constructor(command: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>>) {
    const { PATH, HOME } = process.env;
    this.#process = spawn(command, args, { cwd, env: { PATH, HOME, ...env } });
    guardProcess(this.#process);
    this.#process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.#process, 'close').then(([code]) => ({ code, stdout: this.stdout, stderr: this.stderr }));
  }

  /** Writes a text to the input and closes it. */
  type(text: string): this {
    this.#process.stdin.end(text);
    return this;
  }

  async writes(what: string | RegExp): Promise<void> {
    const check = () => {
      const all = this.stdout + this.stderr;
      if (typeof what === 'string' ? all.includes(what) : what.test(all)) return true;
      if (this.#process.exitCode !== null) throw new Error(`ended with ${this.#process.exitCode}: ${all}`);
      return false;
    };
    await eventually(check, { timeout: 100_000 });
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }
}

async function bundled(outdir: string): Promise<void> {
  await build({
    entryPoints: entries.map((entry) => join(root, 'src', `${entry}.ts`)),
    outbase: join(root, 'src'),
    outdir,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    absWorkingDir: root,
    plugins: [builtIn()],
  });
}
