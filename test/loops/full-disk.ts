import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A disk that is full when a test wants it to be, for a process that writes to it. */
export interface Disk {
  readonly directory: string;
  fill(pid: number): Promise<void>;
  makeRoom(pid: number): Promise<void>;
  remove(): Promise<void>;
}

/** A file system of two megabytes, or as many as are given. */
async function smallFileSystem(directory: string, megabytes = 2): Promise<Disk> {
  await mkdir(directory, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory]);
  const filler = `${directory}/filler`;
  return {
    directory: `${directory}/data`,
    // As much as there is room for.
    fill: () => writeFile(filler, Buffer.alloc(megabytes * 2 ** 20)).catch(() => undefined),
    makeRoom: () => rm(filler, { force: true }),
    remove: async () => {
      await run('umount', ['-l', directory]);
    },
  };
}

/** A limit on the size of a process's files, which hits it as a full disk does. */
async function limitedFiles(directory: string): Promise<Disk> {
  await mkdir(directory, { recursive: true });
  const limit = (pid: number, size: string) => run('prlimit', ['--pid', `${pid}`, `--fsize=${size}:`]);
  // That there is the program is found out here.
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

/** Whether a disk of a kind can be had here. */
export async function canHave(kind: keyof typeof disks, directory: string): Promise<boolean> {
  try {
    const disk = await disks[kind](directory);
    await disk.remove();
    return true;
  } catch {
    return false;
  }
}
