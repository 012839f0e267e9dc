import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A disk that a test can fill, for a process that writes to it. */
export interface Disk {
  readonly directory: string;
  fill(pid: number): Promise<void>;
  makeRoom(pid: number): Promise<void>;
  remove(): Promise<void>;
}

/** A file system of 2 MB, or of the given size. */
async function smallFileSystem(directory: string, megabytes = 2): Promise<Disk> {
  await mkdir(directory, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory]);
  const filler = `${directory}/filler`;
  return {
    directory: `${directory}/data`,
    // Fills the remaining space.
    fill: () => writeFile(filler, Buffer.alloc(megabytes * 2 ** 20)).catch(() => undefined),
    makeRoom: () => rm(filler, { force: true }),
    remove: async () => {
      await run('umount', ['-l', directory]);
    },
  };
}

/** A limit on the file size of a process, which has the effect of a full disk. */
async function limitedFiles(directory: string): Promise<Disk> {
  await mkdir(directory, { recursive: true });
  const limit = (pid: number, size: string) => run('prlimit', ['--pid', `${pid}`, `--fsize=${size}:`]);
  // Checks that the program is available.
  await run('prlimit', ['--version']);
  return {
    directory: `${directory}/data`,
    fill: async (pid) => {
      await limit(pid, '100000');
    },
    makeRoom: async (pid) => {
      await limit(pid, 'unlimited');
    },
    remove: async () => {},
  };
}

export const disks = {
  'small file system': smallFileSystem,
  'limit on the size of files': limitedFiles,
} as const;

/** Checks if this kind of disk is available on this machine. */
export async function canHave(kind: keyof typeof disks, directory: string): Promise<boolean> {
  try {
    const disk = await disks[kind](directory);
    await disk.remove();
    return true;
  } catch {
    return false;
  }
}
