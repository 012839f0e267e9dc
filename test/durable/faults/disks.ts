import { execFile } from 'node:child_process';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import type { Disk } from '../../loops/full-disk.js';

const run = promisify(execFile);

/**
 * A disk that reports an error when it is "filled": the system then makes its file system read-only, also for files that
 * are open.
 */
export async function failingFileSystem(directory: string): Promise<Disk> {
  const image = `${directory}.image`;
  await mkdir(directory, { recursive: true });
  await writeFile(image, '');
  await truncate(image, 8 * 2 ** 20);
  await run('mkfs.ext4', ['-q', image]);
  const mount = () => run('mount', ['-o', 'loop,errors=remount-ro', image, directory]);
  const unmount = () => run('umount', ['-l', directory]);
  await mount();
  return {
    directory: `${directory}/data`,
    fill: async () => {
      const { stdout } = await run('findmnt', ['-no', 'SOURCE', directory]);
      await writeFile(`/sys/fs/ext4/${basename(stdout.trim())}/trigger_fs_error`, '1');
    },
    makeRoom: async () => {
      await unmount();
      // Exit code 1: errors were corrected.
      await run('e2fsck', ['-fy', image]).catch((error) => {
        if (error.code !== 1) throw error;
      });
      await mount();
    },
    remove: async () => {
      await unmount();
    },
  };
}

/** Checks if file systems that fail are available on this machine. */
export async function canFail(directory: string): Promise<boolean> {
  try {
    const disk = await failingFileSystem(directory);
    await disk.fill(process.pid);
    await disk.remove();
    return true;
  } catch {
    return false;
  }
}
