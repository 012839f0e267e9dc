import { readSync } from 'node:fs';

/** Reports damage in the file of a database. */
export class DamageError extends Error {
  override readonly name = 'DamageError';
}

/** A tree of pages, as described in a meta page. */
export interface Tree {
  readonly name: string;
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Page number of the root. Undefined if the tree is empty. */
  readonly root: number | undefined;
}

/** A state of the database, as described in a meta page. */
export interface Snapshot {
  readonly transaction: number;
  readonly pageSize: number;
  readonly lastPage: number;
  readonly mapSize: number;
  /** If true, the meta page was written before its snapshot was known to be on disk. */
  readonly isUnsynced: boolean;
  readonly boot: bigint;
  readonly free: Tree;
  readonly main: Tree;
}

/** Size of the header of a page, in bytes. */
export const headerSize = 24;

const magic = 0xbeefc0de;
const version = 2;
const metaSize = 168;
const metaFlag = 0x08;
/** Flags of a database. `unsynced` is specific to lmdb-js, and `integerKeys` is always set. */
const flags = { unsynced: 0x1000, integerKeys: 0x08 };
/** Upper limit of a plausible map size. All systems accept this size, and no store reaches it. */
const largestMap = 2 ** 46;
const nothing = 0xffff_ffff_ffff_ffffn;

/**
 * Reads the three snapshots in a file: one in each of the two meta pages, and the last snapshot that is known to be on
 * disk.
 */
export function snapshotsOf(fd: number, size: number): readonly [Snapshot, Snapshot, Snapshot] {
  const head = read(fd, 0, size);
  if (head.readUInt32LE(headerSize) !== magic) throw new DamageError('it is not an LMDB database');
  const found = head.readUInt32LE(headerSize + 4);
  if (found !== version) throw new DamageError(`it has version ${found} of LMDB's format, expected ${version}`);
  if ((head.readUInt16LE(18) & metaFlag) === 0) throw new DamageError('its first page is damaged');
  const first = snapshotOf(head, 'the first meta page');
  const { pageSize } = first;
  const synced = snapshotOf(read(fd, pageSize / 2, size), 'the first meta page', pageSize);
  const second = snapshotOf(read(fd, pageSize, size), 'the second meta page', pageSize);
  // Transactions write the two meta pages alternately.
  const [even, odd] = [first.transaction, second.transaction];
  const isInTurns = (even === 0 && odd === 0) || (even % 2 === 0 && Math.abs(even - odd) === 1);
  if (!isInTurns || synced.transaction > Math.max(even, odd))
    throw new DamageError(`its meta pages are of the transactions ${even}, ${odd} and ${synced.transaction}`);
  return [first, second, synced];
}

/**
 * Returns the snapshot that LMDB would continue with. See `mdb_pick_meta` in lmdb-js, with overlapping synchronization.
 */
export function newestOf([first, second, synced]: readonly [Snapshot, Snapshot, Snapshot], boot: bigint): Snapshot {
  return chosen(chosen(first, second, boot), synced, boot);
}

function chosen(one: Snapshot, other: Snapshot, boot: bigint): Snapshot {
  if (other.transaction === 0) return one;
  const latest = one.transaction >= other.transaction ? one : other;
  // An unsynced snapshot is still complete, unless the machine has been restarted since the snapshot was written.
  if (!latest.isUnsynced || (latest.boot !== 0n && latest.boot === boot)) return latest;
  return one.transaction > other.transaction ? other : one;
}

function read(fd: number, at: number, size: number): Buffer {
  const bytes = Buffer.alloc(metaSize);
  if (at + metaSize > size || readSync(fd, bytes, 0, metaSize, at) < metaSize)
    throw new DamageError(`it is cut off: it ends within its meta pages, after ${size} bytes`);
  return bytes;
}

function snapshotOf(bytes: Buffer, where: string, expectedPageSize?: number): Snapshot {
  const at = (offset: number) => numberAt(bytes, headerSize + offset);
  const transaction = at(128);
  const pageSize = bytes.readUInt32LE(headerSize + 24);
  const ofDatabase = bytes.readUInt16LE(headerSize + 28);
  const snapshot = {
    transaction: transaction ?? Number.NaN,
    pageSize,
    mapSize: at(16) ?? Number.NaN,
    lastPage: at(120) ?? Number.NaN,
    isUnsynced: (ofDatabase & flags.unsynced) !== 0,
    boot: bytes.readBigUInt64LE(headerSize + 136),
    free: treeAt(bytes, headerSize + 24, 'the tree of free pages'),
    main: treeAt(bytes, headerSize + 72, 'the tree of records'),
  };
  // This meta page was never written.
  if (transaction === 0 && expectedPageSize !== undefined) return snapshot;
  const isSound =
    Number.isInteger(snapshot.transaction) &&
    (expectedPageSize === undefined ? isPageSize(pageSize) : pageSize === expectedPageSize) &&
    snapshot.mapSize <= largestMap &&
    (snapshot.lastPage + 1) * pageSize <= largestMap &&
    (ofDatabase & ~(flags.unsynced | flags.integerKeys)) === 0 &&
    snapshot.main.flags === 0;
  if (!isSound) throw new DamageError(`${where} is damaged`);
  return snapshot;
}

function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65_536 && (size & (size - 1)) === 0;
}

function treeAt(bytes: Buffer, at: number, name: string): Tree {
  const root = bytes.readBigUInt64LE(at + 40);
  const number = (offset: number) => numberAt(bytes, at + offset) ?? Number.NaN;
  return {
    name,
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    branchPages: number(8),
    leafPages: number(16),
    overflowPages: number(24),
    entries: number(32),
    root: root === nothing ? undefined : number(40),
  };
}

/** Reads a 64-bit number. Returns undefined for a number beyond the safe integers. */
export function numberAt(bytes: Buffer, at: number): number | undefined {
  const number = bytes.readBigUInt64LE(at);
  return number <= Number.MAX_SAFE_INTEGER ? Number(number) : undefined;
}
