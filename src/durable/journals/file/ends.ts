import { type FileHandle, open } from 'node:fs/promises';

/** Bytes that are read at first; four times as many each further time. */
const firstPart = 4_096;
const lineBreak = 0x0a;

/** Reads the first line of a file, without the line break. Returns `undefined` if the line is not complete. */
export async function firstLine(file: FileHandle): Promise<Buffer | undefined> {
  for (let length = firstPart; ; length *= 4) {
    const bytes = await part(file, 0, length);
    const end = bytes.indexOf(lineBreak);
    if (end !== -1) return bytes.subarray(0, end);
    if (bytes.length < length) return undefined;
  }
}

/** The last complete line of a file. */
export interface LastLine {
  /** The line, without the line break. `undefined` if no line of the file is complete. */
  readonly line: Buffer | undefined;
  /** Position after the line, in bytes. */
  readonly end: number;
  /** Size of the file, in bytes. */
  readonly size: number;
}

/** Reads the last complete line of a file. */
export async function lastLine(file: FileHandle): Promise<LastLine> {
  const { size } = await file.stat();
  for (let length = firstPart; ; length *= 4) {
    const start = Math.max(0, size - length);
    const bytes = await part(file, start, size - start);
    const end = bytes.lastIndexOf(lineBreak);
    const before = end <= 0 ? -1 : bytes.lastIndexOf(lineBreak, end - 1);
    if (end !== -1 && (before !== -1 || start === 0))
      return { line: bytes.subarray(before + 1, end), end: start + end + 1, size };
    if (start === 0) return { line: undefined, end: 0, size };
  }
}

/** Runs `work` with an open file. Returns `undefined` if the file does not exist. */
export async function withFile<Value>(
  path: string,
  work: (file: FileHandle) => Promise<Value>,
): Promise<Value | undefined> {
  const file = await open(path, 'r').catch((error) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (file === undefined) return undefined;
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

/** Reads a part of a file, or less at its end. */
export async function part(file: FileHandle, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, start + done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}
