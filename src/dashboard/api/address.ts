/**
 * Ids in addresses. An id may be any text, and stands in a path as `encodeURIComponent` writes it; but `.` and `..` are
 * steps in a path however they are written, so these have a `~` before them, and so have those that look so then.
 */
const isStep = /^~*\.{1,2}$/;
const isMarkedStep = /^~+\.{1,2}$/;

/** An id as a part of a path: `api/runs/${segmentOf(runId)}`. */
export function segmentOf(id: string): string {
  return encodeURIComponent(isStep.test(id) ? `~${id}` : id);
}

/** The id that a part of a path stands for. @throws {URIError} for what is none */
export function idOf(segment: string): string {
  const id = decodeURIComponent(segment);
  return isMarkedStep.test(id) ? id.slice(1) : id;
}
