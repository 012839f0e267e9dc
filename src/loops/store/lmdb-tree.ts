import { DamageError, headerSize, numberAt, type Tree } from './lmdb-meta.js';
import { type Page, type Pages, pageKinds } from './lmdb-pages.js';

/** Size of a node without key and value, in bytes. */
const nodeSize = 8;

/** Flag of a node whose value is on separate pages. */
const bigFlag = 0x01;

/** Size of a reference to a value on separate pages: first page, transaction, and number of pages. */
const placeSize = 24;

export interface TreeOptions {
  /** If true, keys are integers in the byte order of the machine. Otherwise keys are bytes. */
  readonly integerKeys: boolean;
  /** Called with each value. */
  readonly onValue?: ((value: Buffer) => void) | undefined;
}

/** A node of a page: a key, with a value or a reference to a page. */
interface Node {
  readonly key: Buffer;
  /** Length of the value in a leaf, or low bits of a page number in a branch. */
  readonly number: number;
  readonly flags: number;
  /** Offset of the value in the page. */
  readonly at: number;
}

/**
 * Checks all pages of a tree. Each page must be used only once, its nodes must lie within the page without overlap,
 * keys must ascend, and the numbers of pages and entries must match the description of the tree.
 */
export function checkTree(pages: Pages, tree: Tree, options: TreeOptions): void {
  const walk = new Walk(pages, tree, options);
  if (tree.root !== undefined) walk.visit(tree.root, 1);
  walk.end();
}

class Walk {
  #branchPages = 0;
  #leafPages = 0;
  #overflowPages = 0;
  #entries = 0;
  /** The last key that was visited. */
  #last: Buffer | undefined = undefined;
  /** Lower bound of the next key. */
  #bound: Buffer | undefined = undefined;

  constructor(
    private readonly pages: Pages,
    private readonly tree: Tree,
    private readonly options: TreeOptions,
  ) {}

  visit(number: number, level: number): void {
    const page = this.pages.page(number);
    const isLeaf = page.kind === pageKinds.leaf;
    if (isLeaf !== (level === this.tree.depth)) throw this.#damage(page, 'its depth');
    const nodes = this.#nodesOf(page);
    if (isLeaf) this.#leafPages++;
    else this.#branchPages++;
    if (!isLeaf && nodes.length < 2) throw this.#damage(page, 'it leads to fewer than two pages');
    for (const [index, node] of nodes.entries()) {
      if (isLeaf) {
        this.#entry(page, node);
        continue;
      }
      if (index > 0) this.#separate(page, node.key);
      this.visit(node.number + node.flags * 2 ** 32, level + 1);
    }
  }

  end(): void {
    const { branchPages, leafPages, overflowPages, entries, name } = this.tree;
    const isWhole =
      branchPages === this.#branchPages &&
      leafPages === this.#leafPages &&
      overflowPages === this.#overflowPages &&
      entries === this.#entries;
    if (!isWhole) throw new DamageError(`${name} has ${this.#entries} entries, and should have ${entries}`);
  }

  #nodesOf(page: Page): Node[] {
    const { bytes } = page;
    const [lower, upper] = [bytes.readUInt16LE(20), bytes.readUInt16LE(22)];
    const room = bytes.length - headerSize;
    if (lower % 2 !== 0 || lower < 2 || lower > upper || upper > room) throw this.#damage(page, 'its bounds');
    const taken: [from: number, to: number][] = [];
    const nodes: Node[] = [];
    for (let index = 0; index < lower / 2; index++) {
      const from = bytes.readUInt16LE(headerSize + 2 * index);
      if (from < upper || from + nodeSize > room) throw this.#damage(page, 'the place of a node');
      const at = headerSize + from;
      const flags = bytes.readUInt16LE(at + 4);
      const keyLength = bytes.readUInt16LE(at + 6);
      const number = bytes.readUInt32LE(at);
      const isLeaf = page.kind === pageKinds.leaf;
      if (isLeaf && (flags & ~bigFlag) !== 0) throw this.#damage(page, 'the flags of a node');
      const inPage = isLeaf ? (flags === bigFlag ? placeSize : number) : 0;
      const to = from + nodeSize + keyLength + inPage;
      if (to > room) throw this.#damage(page, 'the length of a node');
      taken.push([from, to]);
      const behind = at + nodeSize + keyLength;
      nodes.push({ key: bytes.subarray(at + nodeSize, behind), number, flags, at: behind });
    }
    taken.sort(([one], [other]) => one - other);
    if (taken.some(([from], index) => index > 0 && from < (taken[index - 1] as [number, number])[1]))
      throw this.#damage(page, 'nodes lie over each other');
    return nodes;
  }

  #entry(page: Page, { key, number: length, flags, at }: Node): void {
    this.#entries++;
    this.#checkKey(page, key);
    if (this.#last !== undefined && this.#compare(this.#last, key) >= 0) throw this.#damage(page, 'the order of keys');
    if (this.#bound !== undefined && this.#compare(this.#bound, key) > 0) throw this.#damage(page, 'the order of keys');
    this.#last = key;
    const { onValue } = this.options;
    if (flags !== bigFlag) {
      onValue?.(page.bytes.subarray(at, at + length));
      return;
    }
    const [first, count] = [numberAt(page.bytes, at), numberAt(page.bytes, at + 16)];
    if (first === undefined || count === undefined) throw this.#damage(page, 'the place of a large value');
    this.#overflowPages += count;
    const value = this.pages.overflow(first, count, length, onValue !== undefined);
    if (value !== undefined) onValue?.(value);
  }

  /** Checks a separator key of a branch page: keys before it must be smaller, and keys after it must not be smaller. */
  #separate(page: Page, key: Buffer): void {
    this.#checkKey(page, key);
    if (this.#last === undefined || this.#compare(this.#last, key) >= 0) throw this.#damage(page, 'the order of keys');
    this.#bound = key;
  }

  #checkKey(page: Page, key: Buffer): void {
    if (this.options.integerKeys ? key.length !== 8 : key.length === 0) throw this.#damage(page, 'the length of a key');
  }

  #compare(one: Buffer, other: Buffer): number {
    if (!this.options.integerKeys) return Buffer.compare(one, other);
    const difference = one.readBigUInt64LE() - other.readBigUInt64LE();
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  #damage({ number }: Page, what: string): DamageError {
    return new DamageError(`page ${number} of ${this.tree.name} is damaged: ${what}`);
  }
}
