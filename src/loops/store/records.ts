import zlib from 'node:zlib';

/**
 * Stored form of a value: a header with a version and a checksum of key and bytes, followed by the bytes. The checksum
 * reveals changed bytes, and bytes that belong to another key.
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

/**
 * Reads a stored value.
 *
 * @returns the bytes, or undefined if the checksum does not match
 */
export function unsealed(key: readonly unknown[], record: Buffer): Buffer | undefined {
  if (!isSealed(record) || record[1] !== head.version) return undefined;
  const bytes = record.subarray(head.size);
  return record.readUInt32LE(2) === checksum(key, bytes) ? bytes : undefined;
}

/**
 * Returns true if the record has a header. Records of earlier versions have no header, and never start with the first
 * byte of a header.
 */
export function isSealed(record: Buffer): boolean {
  return record.length >= head.size && record[0] === head.mark;
}

function checksum(key: readonly unknown[], bytes: Uint8Array): number {
  return zlib.crc32(bytes, zlib.crc32(JSON.stringify(key)));
}
