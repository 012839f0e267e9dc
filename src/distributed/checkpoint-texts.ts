import type { Checkpoint } from '../flow/index.js';

/** A text with its number before it. */
export function numbered(seq: number, text: string): string {
  return `${seq}:${text}`;
}

/** A checkpoint from texts with their numbers, in order; entries that are in the snapshot are left out. */
export function checkpointOf(first: string, texts: readonly string[]): Checkpoint {
  const [seq, snapshot] = partsOf(first);
  const entries = texts.map(partsOf).filter(([number]) => number > seq);
  return { snapshot, seq, entries: entries.map(([, text]) => text) };
}

export function numbersOf({ seq, entries }: Checkpoint) {
  return { seq, last: seq + entries.length };
}

function partsOf(text: string): readonly [seq: number, text: string] {
  const at = text.indexOf(':');
  return [Number(text.slice(0, at)), text.slice(at + 1)];
}
