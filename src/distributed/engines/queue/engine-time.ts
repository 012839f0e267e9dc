/**
 * BullMQ uses the clock of its own machine to promote delayed jobs, to date locks and to measure waits. The code below
 * makes a backend of BullMQ (Redis or Postgres, as of BullMQ 6.7) follow the engine's clock instead. Times of this
 * machine are converted to engine time on their way to the server, and times from the server are converted back.
 */

/** The methods that carry all commands of a backend: `execCommand` on Redis, `run` on Postgres. */
interface Backend {
  execCommand?(client: unknown, command: string, args: readonly unknown[]): unknown;
  run?(command: string, params: readonly unknown[]): Promise<{ readonly rows: readonly Row[] }>;
  waitForJob(blockTimeout: number): Promise<{ readonly score: number } | null>;
  moveToDelayed(jobId: string, timestamp: number, ...rest: unknown[]): Promise<void>;
}

interface Row {
  readonly next_delay?: string | number | null;
}

/** Maximum age, in milliseconds, of a number that is recognised as a recent reading of this machine's clock. */
const underWay = 5;

/** Smallest number that is treated as a time. Smaller numbers are counts or markers. */
const leastTime = 1e12;

/**
 * Makes a BullMQ backend follow the engine's clock.
 *
 * @param engineNow - returns the engine's time in epoch milliseconds
 * @returns false if the structure of the backend is unknown; the backend is then left unchanged
 */
export function goByEngineClock(given: object, engineNow: () => number): boolean {
  const backend = given as Partial<Backend>;
  const { execCommand, run, waitForJob, moveToDelayed } = backend;
  if (waitForJob === undefined || moveToDelayed === undefined) return false;
  const offset = () => Math.round(engineNow() - Date.now());
  const toEngine = (value: unknown) => {
    const age = typeof value === 'number' ? Date.now() - value : -1;
    return age >= 0 && age <= underWay ? (value as number) + offset() : value;
  };
  const fromEngine = (time: number) => (time > leastTime ? time - offset() : time);
  if (execCommand !== undefined) {
    backend.execCommand = (client, command, args) => {
      const answer = execCommand.call(given, client, command, args.map(toEngine));
      return isFetch(command) ? (answer as Promise<unknown>).then((job) => withTime(job, fromEngine)) : answer;
    };
  } else if (run !== undefined) {
    backend.run = async (command, params) => {
      const result = await run.call(given, command, params.map(toEngine));
      const [row] = result.rows ?? [];
      if (row?.next_delay == null) return result;
      return { ...result, rows: [{ ...row, next_delay: fromEngine(Number(row.next_delay)) }] };
    };
  } else return false;
  backend.waitForJob = async (blockTimeout) => {
    const marker = await waitForJob.call(given, blockTimeout);
    return marker === null ? null : { ...marker, score: fromEngine(marker.score) };
  };
  backend.moveToDelayed = (jobId, timestamp, ...rest) =>
    moveToDelayed.call(given, jobId, timestamp + offset(), ...rest) as Promise<void>;
  return true;
}

/** Returns true if the answer to a command ends with the time of the next delayed job. */
function isFetch(command: string): boolean {
  return command === 'moveToActive' || command === 'moveToFinished';
}

/**
 * Converts the due time in an answer of Redis. The answer consists of a job, its id, the wait for a rate limit, and the
 * time of the next job.
 */
function withTime(answer: unknown, fromEngine: (time: number) => number): unknown {
  if (!Array.isArray(answer) || typeof answer[3] !== 'number') return answer;
  return answer.with(3, fromEngine(answer[3]));
}
