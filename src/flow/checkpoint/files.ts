import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';

/** Adds a part of a file to another. */
export async function copy(from: string, to: string, start: number, end: number): Promise<void> {
  const file = await open(from, 'r');
  try {
    const bytes = Buffer.allocUnsafe(end - start);
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
      if (bytesRead === 0) throw new Error(`"${from}" is shorter than it was`);
      done += bytesRead;
    }
    await writeAndSync(to, constants.O_WRONLY | constants.O_APPEND, bytes);
  } finally {
    await file.close();
  }
}

/** All of the bytes, or an error: a handle's `writeFile` goes on where a write was cut short. */
export async function writeAndSync(path: string, flags: number, bytes: Buffer): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Does something to a file that is to take the place of another; where that fails, nothing of it is left. */
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

/** A new name lasts once its directory is synced. Not every system can; there the rename has to do. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  await directory?.sync().catch(() => undefined);
  await directory?.close();
}
