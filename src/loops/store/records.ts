import zlib from 'node:zlib';

/**
 * A value as it is stored: behind a head that says how it is written down, and has a checksum of its key and its bytes. What
 * the disk has changed, or put in another place, is noticed when it is read.
 *
 *     0xc1, version, checksum (4 bytes, little-endian), bytes
 */
const head = { mark: 0xc1, version: 1, size: 6 } as const;

export function sealed(key: readonly unknown[], bytes: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(head.size + bytes.length);
  record[0] = head.mark;
  record[1] = head.version;
  record.writeUInt32LE(checksum(key, bytes), 2);
  record.set(bytes, head.size);
  return record;
}

/** @returns the bytes; nothing where they are not what was stored */
export function unsealed(key: readonly unknown[], record: Buffer): Buffer | undefined {
  if (!isSealed(record) || record[1] !== head.version) return undefined;
  const bytes = record.subarray(head.size);
  return record.readUInt32LE(2) === checksum(key, bytes) ? bytes : undefined;
}

/** Stores of before this version have records without a head; none of their values begins like one. */
export function isSealed(record: Buffer): boolean {
  return record.length >= head.size && record[0] === head.mark;
}

function checksum(key: readonly unknown[], bytes: Uint8Array): number {
  return zlib.crc32(bytes, zlib.crc32(JSON.stringify(key)));
}
