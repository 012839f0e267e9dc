import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';

/** Appends a section of one file to another file. */
export async function copy(from: string, to: string, start: number, end: number): Promise<void> {
  const file = await open(from, 'r');
  try {
    const bytes = Buffer.allocUnsafe(end - start);
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
      if (bytesRead === 0)
        throw new Error(`"${from}" became shorter while it was copied: let no other program change it`);
      done += bytesRead;
    }
    await writeAndSync(to, constants.O_WRONLY | constants.O_APPEND, bytes);
  } finally {
    await file.close();
  }
}

/**
 * Writes all bytes and syncs them. A file handle's `writeFile` continues after a partial write, so either all bytes are
 * written or the call fails.
 */
export async function writeAndSync(path: string, flags: number, bytes: Buffer): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Runs `work`, which prepares a replacement file. If `work` fails, the file is removed. */
export async function orRemove(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
}

export function undefinedIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

/**
 * Syncs a directory, so that a rename in it survives a crash. Errors are ignored, because some systems cannot sync a
 * directory.
 */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  await directory?.sync().catch(() => undefined);
  await directory?.close();
}
