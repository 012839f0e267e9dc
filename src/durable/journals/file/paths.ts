import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Extension of a run's journal. */
export const extension = '.journal';

/**
 * Maximum length of an encoded id, in bytes. Longer ids are cut off, and a hash keeps them distinct. File systems allow
 * names of 255 bytes, of which a claim on a lock needs up to 100.
 */
const longestName = 120;

/** Letters that Windows reserves as names of devices, with any extension. */
const device = /^(con|prn|aux|nul|com\d|lpt\d)$/;

/** The paths of a run's files. */
export interface Paths {
  readonly id: string;
  /** The journal. */
  readonly file: string;
  /** The lock of the journal. The owner of the run holds it. */
  readonly lock: string;
  /** The signals of the run. */
  readonly signals: string;
  /** The lock of the signals. Held while they are changed. */
  readonly signalsLock: string;
}

/** Returns the paths of a run's files in a directory. */
export function pathsOf(directory: string, id: string): Paths {
  const path = join(directory, nameOf(id));
  return {
    id,
    file: `${path}${extension}`,
    lock: `${path}${extension}.lock`,
    signals: `${path}.signals`,
    signalsLock: `${path}.signals.lock`,
  };
}

/**
 * Encodes an id as a file name that every file system allows. Upper-case letters are encoded too, because some file
 * systems do not distinguish them from lower-case letters.
 */
function nameOf(id: string): string {
  const encoded = encodeURIComponent(id).replace(/%..|[^%a-z0-9_-]/g, (part) =>
    part.length > 1 ? part : escaped(part),
  );
  if (encoded.length > longestName) return `${encoded.slice(0, longestName - 33)}~${hashOf(id)}`;
  return device.test(encoded) ? `${escaped(encoded)}${encoded.slice(1)}` : encoded;
}

function escaped(text: string): string {
  return `%${text.charCodeAt(0).toString(16).toUpperCase()}`;
}

function hashOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 32);
}
