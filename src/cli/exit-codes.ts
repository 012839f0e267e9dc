/** Exit codes of the commands. They are part of the public interface, because scripts depend on them. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  unreachable: 5,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Meanings of the exit codes, in order, for the help and the reference. */
export const meanings: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [exitCodes.ok, 'done; if the command waited for a run, the run completed'],
  [exitCodes.failed, 'the command failed, or its run failed, was cancelled, stalled, or waits for an event'],
  [exitCodes.usage, 'invalid options, arguments, input, configuration or modules'],
  [exitCodes.notFound, 'no such run, workflow, loop or dead letter'],
  [exitCodes.conflict, 'not possible in the current state, such as pausing a run that has ended'],
  [exitCodes.unreachable, 'the engine or the running program cannot be reached, or a package for it is missing'],
  [exitCodes.hungUp, 'ended early by SIGHUP, as with SIGINT'],
  [
    exitCodes.interrupted,
    'ended early by SIGINT; worker, dashboard and orchestrate end with 0 if they could finish in order',
  ],
  [exitCodes.terminated, 'ended early by SIGTERM, as with SIGINT'],
];

/** An error that ends a command with a specific exit code. */
export class CliError extends Error {
  override readonly name = 'CliError';

  constructor(
    message: string,
    readonly exitCode: ExitCode,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Ends a command that has neither failed nor finished, such as a run that waits. Reported without the word "error". */
export class Unfinished extends CliError {}

/** An error about invalid arguments, input or configuration. */
export function usageError(message: string, options?: ErrorOptions): CliError {
  return new CliError(message, exitCodes.usage, options);
}

const byCode: ReadonlyMap<unknown, ExitCode> = new Map<string, ExitCode>([
  ['ERR_VALIDATION', exitCodes.usage],
  ['ERR_BLUEPRINT', exitCodes.usage],
  ['ERR_PAYLOAD', exitCodes.usage],
  ['ERR_SERIALIZATION', exitCodes.usage],
  ['ERR_LOOP_DEFINITION', exitCodes.usage],
  ['ERR_LOOP_MODULE', exitCodes.usage],
  ['ERR_RUN_NOT_FOUND', exitCodes.notFound],
  ['ERR_WORKFLOW_NOT_FOUND', exitCodes.notFound],
  ['ERR_NOT_FOUND', exitCodes.notFound],
  ['ERR_RUN_STATE', exitCodes.conflict],
  ['ERR_RUN_EXISTS', exitCodes.conflict],
  ['ERR_WORKER_ALIVE', exitCodes.conflict],
  ['ERR_LOOP_STATE', exitCodes.conflict],
  ['ERR_CHECKPOINT', exitCodes.conflict],
  ['ERR_TOO_LATE', exitCodes.conflict],
  ['ERR_LISTEN', exitCodes.conflict],
  ['ERR_ENGINE', exitCodes.unreachable],
  ['ERR_LOCKED', exitCodes.unreachable],
  ['ERR_MISSING_PEER', exitCodes.unreachable],
  ['ERR_LOOP_STORE', exitCodes.unreachable],
]);

/** The exit code of an error. Decided by the `code` of the error, because the errors of all layers have a `code`. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.exitCode;
  const { code } = Object(error) as { code?: unknown };
  return byCode.get(code) ?? exitCodes.failed;
}
