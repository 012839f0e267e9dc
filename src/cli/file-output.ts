import { fstatSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';

/**
 * A stream to a file that writes each chunk completely or fails. Node's file streams report success even if only part
 * of a chunk fit on a full disk.
 */
export class FileOutput extends Writable {
  constructor(private readonly descriptor: number) {
    super({ decodeStrings: true });
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    try {
      for (let offset = 0; offset < chunk.length; ) offset += writeSync(this.descriptor, chunk, offset);
      done();
    } catch (error) {
      done(error as Error);
    }
  }
}

/** Returns true if a descriptor is a file or a device such as `/dev/full`: neither a terminal nor a pipe or socket. */
export function isFile(descriptor: number): boolean {
  const stat = fstatSync(descriptor);
  return stat.isFile() || (stat.isCharacterDevice() && !isatty(descriptor));
}
