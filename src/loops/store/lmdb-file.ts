import { type FileHandle, open, readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { checkFree, type FreePages } from './lmdb-free-pages.js';
import { DamageError, newestOf, type Snapshot, snapshotsOf } from './lmdb-meta.js';
import { Pages } from './lmdb-pages.js';
import { checkTree } from './lmdb-tree.js';

/**
 * Checks the file of a database before LMDB opens it. LMDB maps the file into memory and trusts what is there: a page that is
 * cut off, or a number in a page that is wrong, ends the whole program with SIGBUS or SIGSEGV. So everything that LMDB follows
 * is followed here first, by plain reads: the snapshot that it would choose, both of its trees, and the list of free pages.
 * Values are not looked at: each record carries a checksum of its own.
 *
 * @returns nothing for a file that is sound, missing, or empty
 * @throws {DamageError} with what is wrong, and where
 */
export async function checkDatabase(path: string): Promise<void> {
  // LMDB is to be able to write it, too.
  const file = await open(path, 'r+').catch((error) => {
    if (Object(error).code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    if (size > 0) checkFile(file, size, await bootId());
  } finally {
    await file.close();
  }
}

function checkFile(file: FileHandle, size: number, boot: bigint): void {
  // Numbers are of another size or order on other machines: LMDB is left to itself there.
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

/** Free pages at the end need not be in the file. LMDB maps them all, and cannot be opened where they are too many. */
function checkSize({ transaction, lastPage, pageSize }: Snapshot, size: number): void {
  if (transaction > 0 && lastPage > (2 * size) / pageSize + 4_096)
    throw new DamageError(`its last page is said to be ${lastPage}, and it has ${size} bytes`);
}

const isKnownMachine = endianness() === 'LE' && !/^(arm|ia32|mips|mipsel|ppc)$/.test(process.arch);

/** Which start of the machine this is, as LMDB has it: 0 where the system does not say. */
async function bootId(): Promise<bigint> {
  try {
    const id = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return BigInt.asUintN(64, BigInt(`0x${/^[0-9a-f]+/i.exec(id)?.[0]}`));
  } catch {
    return 0n;
  }
}
