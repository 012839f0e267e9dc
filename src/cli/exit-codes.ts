/** What a command ends with. They are part of the interface: scripts decide by them. */
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

/** What each means, in order, for help and reference. */
export const meanings: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [exitCodes.ok, 'done; a run that was waited for has completed'],
  [exitCodes.failed, 'the command or the run has failed, was cancelled, has stalled, or waits for something outside'],
  [exitCodes.usage, 'options, arguments, input, configuration or modules are not as they have to be'],
  [exitCodes.notFound, 'there is no such run, workflow, loop or dead letter'],
  [exitCodes.conflict, 'it cannot be done as things stand: a run that is over cannot be paused'],
  [exitCodes.unreachable, 'the engine or the running program cannot be reached, or a package for it is missing'],
  [exitCodes.hungUp, 'cut short by SIGHUP, as by SIGINT'],
  [
    exitCodes.interrupted,
    'cut short by SIGINT; worker, dashboard and orchestrate end with 0 where they could end in order on a signal',
  ],
  [exitCodes.terminated, 'cut short by SIGTERM, likewise'],
];

/** What ends a command with an exit code of its own. */
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

/** What a command ends with where nothing is wrong, and it is not done either: it is told of without a word of errors. */
export class Unfinished extends CliError {}

/** Something that was given is not as it has to be. */
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
  ['ERR_LISTEN', exitCodes.conflict],
  ['ERR_ENGINE', exitCodes.unreachable],
  ['ERR_LOCKED', exitCodes.unreachable],
  ['ERR_MISSING_PEER', exitCodes.unreachable],
  ['ERR_LOOP_STORE', exitCodes.unreachable],
]);

/** Errors of all layers have a `code`; it decides. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.exitCode;
  const { code } = Object(error) as { code?: unknown };
  return byCode.get(code) ?? exitCodes.failed;
}
