/**
 * Ids in addresses. An id may be any text and is written with `encodeURIComponent`. URL parsers resolve `.` and `..`
 * even when they are encoded, so these two ids are prefixed with `~`. Ids that already look like this get another `~`.
 */
const isStep = /^~*\.{1,2}$/;
const isMarkedStep = /^~+\.{1,2}$/;

/** Encodes an id as a segment of a path: `api/runs/${segmentOf(runId)}`. */
export function segmentOf(id: string): string {
  return encodeURIComponent(isStep.test(id) ? `~${id}` : id);
}

/**
 * Decodes the id in a segment of a path.
 *
 * @throws {URIError} if the segment is malformed
 */
export function idOf(segment: string): string {
  const id = decodeURIComponent(segment);
  return isMarkedStep.test(id) ? id.slice(1) : id;
}
