/** What a problem is called, and the status that goes with it. */
const statuses = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  internal: 500,
  unavailable: 503,
} as const;

export type ProblemCode = keyof typeof statuses;

/** A request is not done, for a reason that whoever sent it may know. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: ProblemCode,
    message: string,
    { status = statuses[code], headers = {} }: { status?: number; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}
