/**
 * Ids as segments of a path: what separates segments is escaped, so that no two places share a path. A batch `n` with its
 * item 1 and a node called `n/1` would, and then one effect would be taken for the other.
 */
export function segmentOf(id: string): string {
  return /[%/]/.test(id) ? id.replace(/%/g, '%25').replace(/\//g, '%2F') : id;
}
