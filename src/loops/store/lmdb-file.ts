import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type FileHandle, open, readFile, rm, writeFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { promisify } from 'node:util';
import { checkFree, type FreePages } from './lmdb-free-pages.js';
import { DamageError, newestOf, type Snapshot, snapshotsOf } from './lmdb-meta.js';
import { Pages } from './lmdb-pages.js';
import { checkTree } from './lmdb-tree.js';

/**
 * Checks the file of a database before LMDB opens it. LMDB maps the file into memory and trusts its content. A missing
 * page or a wrong page number would end the whole program with SIGBUS or SIGSEGV. The check reads everything that LMDB
 * would follow: the snapshot that LMDB would choose, both of its trees, and the list of free pages. Values are not
 * checked here, because each record carries a checksum. A missing file is valid. An empty file is valid only if its
 * creation was interrupted; see `markAsBegun`.
 *
 * @throws {DamageError} with the first fault and its location
 */
export async function checkDatabase(path: string): Promise<'new' | 'sound'> {
  // LMDB also needs write access.
  const file = await open(path, 'r+').catch((error) => {
    if (Object(error).code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return 'new';
  try {
    const { size } = await file.stat();
    if (size === 0 && existsSync(markOf(path))) return 'new';
    if (size === 0) throw new DamageError('its file data.mdb is empty');
    checkFile(file, size, await bootId());
    return 'sound';
  } finally {
    await file.close();
  }
}

/**
 * Marks a database as being created. The mark distinguishes a file that a crash left empty from a file that lost its
 * content.
 */
export async function markAsBegun(path: string): Promise<void> {
  await writeFile(markOf(path), '');
}

/** Removes the mark, after the first pages of the file are on disk. */
export async function removeMark(path: string): Promise<void> {
  if (!existsSync(markOf(path))) return;
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rm(markOf(path), { force: true });
}

function markOf(path: string): string {
  return `${path}.new`;
}

function checkFile(file: FileHandle, size: number, boot: bigint): void {
  // Machines with a different word size or byte order use another file layout, which is not checked.
  if (!isKnownMachine) return;
  const snapshots = snapshotsOf(file.fd, size);
  for (const snapshot of snapshots) checkSize(snapshot, size);
  const snapshot = newestOf(snapshots, boot);
  const pages = new Pages(file.fd, size, snapshot);
  checkTree(pages, snapshot.main, { integerKeys: false });
  const free: FreePages[] = [];
  checkTree(pages, snapshot.free, { integerKeys: true, onValue: (value) => free.push(value) });
  checkFree(pages, free);
}

/**
 * Checks the last page number against the file size. Free pages at the end may be missing from the file, but LMDB maps
 * them all and crashes if there are too many.
 */
function checkSize({ transaction, lastPage, pageSize }: Snapshot, size: number): void {
  if (transaction > 0 && lastPage > (2 * size) / pageSize + 4_096)
    throw new DamageError(`its last page should be ${lastPage}, but it has only ${size} bytes`);
}

const isKnownMachine = endianness() === 'LE' && !/^(arm|ia32|mips|mipsel|ppc)$/.test(process.arch);

/**
 * Returns an id of the machine's last boot, computed in the same way as in LMDB. Returns 0 if the system does not
 * provide one.
 */
async function bootId(): Promise<bigint> {
  try {
    const id =
      process.platform === 'darwin'
        ? (await promisify(execFile)('sysctl', ['-n', 'kern.bootsessionuuid'])).stdout
        : await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return BigInt.asUintN(64, BigInt(`0x${/^[0-9a-f]+/i.exec(id)?.[0]}`));
  } catch {
    return 0n;
  }
}
