/** What is counted of an engine, and what was found. */
export class Tally {
  readonly counts = new Map<string, number>();
  readonly warnings = new Map<string, number>();
  readonly #found = new Map<string, { readonly first: string; times: number }>();
  slowestRecovery = 0;

  constructor(private readonly log: (line: string) => void) {}

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  /** Warnings that differ in numbers and ids alone are one. */
  warn(message: string): void {
    const kind = kindOf(message);
    this.warnings.set(kind, (this.warnings.get(kind) ?? 0) + 1);
    this.count('warnings');
  }

  /** Something that may not be. What differs in numbers and ids alone is kept once, and counted. */
  find(finding: string): void {
    const kind = kindOf(finding);
    const known = this.#found.get(kind);
    if (known !== undefined) known.times += 1;
    else {
      this.#found.set(kind, { first: finding.slice(0, 3_000), times: 1 });
      this.log(`FINDING: ${finding.slice(0, 3_000)}`);
    }
  }

  get findings(): string[] {
    return [...this.#found.values()].map(({ first, times }) => (times === 1 ? first : `${times} times: ${first}`));
  }
}

function kindOf(text: string): string {
  return text.replaceAll(/"[^"]*"|[\w.-]*\d[\w.:-]*/g, '…').slice(0, 200);
}
