import { withoutJobIds } from '../journal/job-id.js';

type Details = Readonly<Record<string, unknown>>;

/** Milliseconds for which equal warnings are counted, and maximum number of different warnings that are counted. */
const interval = 10_000;
const most = 200;

interface Counted {
  readonly error: Error;
  readonly details: Details;
  repeated: number;
  readonly timer: NodeJS.Timeout;
}

/**
 * Combines equal warnings. The first warning of a kind is passed on at once. Equal warnings within the next ten seconds
 * are counted, then passed on as one warning with their number in `details.repeated`. Warnings that differ only in the
 * ids of runs and jobs are equal. The combined warning has the message and the details of the first.
 */
export class RepeatedWarnings {
  readonly #counted = new Map<string, Counted>();

  constructor(private readonly pass: (error: Error, details: Details) => void) {}

  warn(error: Error, details: Details): void {
    const kind = kindOf(error, details);
    const counted = this.#counted.get(kind);
    if (counted !== undefined) {
      counted.repeated++;
      return;
    }
    if (this.#counted.size >= most) this.#end(this.#counted.keys().next().value as string);
    this.#begin(kind, error, details);
    this.pass(error, details);
  }

  /** Passes on the warnings that have been counted so far. */
  close(): void {
    for (const kind of [...this.#counted.keys()]) this.#end(kind);
  }

  #begin(kind: string, error: Error, details: Details): void {
    const timer = setTimeout(() => {
      // A warning that keeps occurring is passed on once per interval.
      if (this.#end(kind)) this.#begin(kind, error, details);
    }, interval).unref();
    this.#counted.set(kind, { error, details, repeated: 0, timer });
  }

  /**
   * Ends the counting of a kind of warning.
   *
   * @returns true if the warning was repeated
   */
  #end(kind: string): boolean {
    const { error, details, repeated, timer } = this.#counted.get(kind) as Counted;
    clearTimeout(timer);
    this.#counted.delete(kind);
    if (repeated > 0) this.pass(error, { ...details, repeated });
    return repeated > 0;
  }
}

function kindOf({ name, message }: Error, { runId }: Details): string {
  const text = typeof runId === 'string' && runId !== '' ? message.replaceAll(`"${runId}"`, '"*"') : message;
  return `${name} ${withoutJobIds(text).replace(/\brun "[^"]{1,500}"/g, 'run "*"')}`;
}
