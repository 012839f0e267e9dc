import { type FileHandle, open } from 'node:fs/promises';
import { done, Loop, ProducerNode } from 'orchestrator/loops';
import type { Piece } from './messages.js';

/** Number of bytes per read. */
const chunkSize = 65_536;

/** Number of lines per piece. */
const pieceLines = 25;

/** Position of the reader in the file. */
interface Place {
  readonly offset: number;
  /** Number of lines before this position. */
  readonly lines: number;
}

interface Options {
  readonly file: string;
}

/** Reads a file in pieces of whole lines. With a store, it continues at its last position. */
class ReadPieces extends ProducerNode<Piece, Options> {
  readonly #buffer = Buffer.alloc(chunkSize);
  #lines: readonly string[] = [];
  #file: FileHandle | undefined;
  #place: Place = { offset: 0, lines: 0 };

  override async setUp() {
    this.#file = await open(this.config.options.file);
    this.#place = (this.config.cursor.value as Place | undefined) ?? this.#place;
  }

  run() {
    return this.#lines.length > 0 ? this.#next() : this.#afterReading();
  }

  override async cleanUp() {
    await this.#file?.close();
  }

  async #afterReading() {
    const read = await this.#file?.read(this.#buffer, 0, chunkSize, this.#place.offset);
    const length = this.#buffer.subarray(0, read?.bytesRead).lastIndexOf('\n');
    if (read?.bytesRead === 0 || length < 0) return done;
    this.#lines = this.#buffer.toString('utf8', 0, length).split('\n');
    return this.#next();
  }

  #next(): Piece {
    const lines = this.#lines.slice(0, pieceLines);
    this.#lines = this.#lines.slice(pieceLines);
    const { offset, lines: before } = this.#place;
    const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    this.#place = { offset: offset + bytes, lines: before + lines.length };
    this.config.cursor.save(this.#place);
    return { first: before + 1, lines };
  }
}

/** Loop A: reads the file into the queue `lines`, and waits while the queue is full. */
export function readerOf(file: string, onRead: (lines: number) => void): Loop {
  return new Loop('reader')
    .node('read', ReadPieces, { options: { file } })
    .push('put', 'lines')
    .blocking('count', ({ lines }: Piece) => onRead(lines.length));
}
