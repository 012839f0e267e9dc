/**
 * Escapes an id for use as a segment of a path, so that different nodes never share a path. Without escaping, the
 * idempotency key of element 1 of a batch `n` would equal that of a node called `n/1`.
 */
export function segmentOf(id: string): string {
  return /[%/]/.test(id) ? id.replace(/%/g, '%25').replace(/\//g, '%2F') : id;
}
