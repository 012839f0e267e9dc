/**
 * Escapes an id for use as a segment of a path, so that different nodes never share a path. Without escaping, element 1
 * of a batch `n` and a node called `n/1` would have the same idempotency key.
 */
export function segmentOf(id: string): string {
  return /[%/]/.test(id) ? id.replace(/%/g, '%25').replace(/\//g, '%2F') : id;
}
