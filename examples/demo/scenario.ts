import { AbortError, Orchestrator } from 'orchestrator';
import { type Happening, labelOf, logLine, messageOf, recordTasks, type TaskTrace } from './report.js';

interface State {
  apiKey: string | undefined;
  requests: number;
  retries: number;
  cancelled: number;
}

interface Reading {
  readonly station: string;
  readonly wind: number;
}

interface Bulletin {
  readonly calmest: string;
  readonly windiest: string;
  readonly forecast: string;
  readonly pictures: string;
}

export interface Summary {
  readonly bulletin: Bulletin;
  /** State of the run at its end. */
  readonly state: Readonly<State>;
  readonly tasks: readonly TaskTrace[];
}

export class HttpError extends Error {
  constructor(
    readonly status: number,
    text: string,
    readonly retryAfter: string | null,
  ) {
    super(`${status}, ${text}`);
  }
}

/**
 * Puts together a morning weather bulletin from an unreliable service.
 *
 * @param patience - milliseconds that one attempt may take. Default: 300
 */
export async function makeBulletin(baseUrl: string, print: (line: string) => void, patience = 300): Promise<Summary> {
  const orchestrator = createOrchestrator(patience);
  const tasks = recordTasks(orchestrator);
  logThrough(orchestrator, print);
  const service = createService(orchestrator, baseUrl);
  orchestrator.onProcessBegin(async ({ context }) => {
    context.apiKey = await service.signIn();
  });

  const loadOutlook = orchestrator.parallel({ readings: service.readStations, forecast: service.fetchForecast });
  const loadPictures = orchestrator.parallel([service.fetchSatellite, service.fetchRadar], { failFast: true });

  const bulletin = await orchestrator.run(async () => {
    const { readings, forecast } = await loadOutlook();
    const pictures = await loadPictures().then(
      () => 'enclosed',
      (error) => `none (${messageOf(error)})`,
    );
    const calmestFirst = readings.toSorted((one, other) => one.wind - other.wind).map(describe);
    const written = { calmest: calmestFirst[0] ?? '', windiest: calmestFirst.at(-1) ?? '', forecast, pictures };
    await service.publish(written);
    return written;
  });
  return { bulletin, state: orchestrator.getState(), tasks };
}

function createOrchestrator(patience: number): Orchestrator<State> {
  return new Orchestrator<State>({
    name: 'bulletin',
    state: { apiKey: undefined, requests: 0, retries: 0, cancelled: 0 },
    timeout: patience,
    retry: {
      retries: 3,
      minTimeout: 80,
      retryAfter: (error) => (error instanceof HttpError ? error.retryAfter : undefined),
    },
  });
}

/** Adds hooks that log events and count them in the run's state. */
function logThrough(orchestrator: Orchestrator<State>, print: (line: string) => void): void {
  let began = 0;
  const log = (happening: Happening, label: string, text: string) =>
    print(logLine(Date.now() - began, happening, label, text));
  orchestrator
    .onProcessBegin(({ name, time }) => {
      began = time;
      log('running', name, 'begins');
    })
    .onTaskRetry(({ name, args, attempt, delay, error, context }) => {
      context.retries++;
      const when = delay === 0 ? 'again at once' : `again in ${delay} ms`;
      log('retried', labelOf(name, args), `attempt ${attempt} failed: ${error.message}; ${when}`);
    })
    .onTaskCompletion(({ name, args, status, duration, attempts, error, context }) => {
      if (status === 'cancelled') context.cancelled++;
      const took = `${Math.round(duration)} ms, ${attempts} attempt${attempts === 1 ? '' : 's'}`;
      log(status, labelOf(name, args), status === 'completed' ? took : `${took}: ${messageOf(error)}`);
    })
    .onProcessCompletion(({ name, status, totalDuration, context }) => {
      context.apiKey = undefined;
      log(status, name, `${Math.round(totalDuration)} ms, ${context.requests} requests`);
    });
}

/** The calls to the service, as actions. */
function createService(orchestrator: Orchestrator<State>, baseUrl: string) {
  async function request<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
    const state = orchestrator.getState();
    state.requests++;
    const headers = { authorization: `Bearer ${state.apiKey}` };
    const response = await fetch(baseUrl + path, { ...init, headers, signal: orchestrator.signal });
    if (response.ok) return (await response.json()) as Answer;
    const error = new HttpError(response.status, String(await response.json()), response.headers.get('retry-after'));
    throw response.status < 500 ? new AbortError(error) : error;
  }

  const readStation = orchestrator.action(function readStation(id: string) {
    return request<Reading>(`/stations/${id}`);
  });

  const listStations = orchestrator.action(function listStations() {
    return request<string[]>('/stations');
  });

  return {
    signIn: orchestrator.action(async function signIn() {
      return (await request<{ apiKey: string }>('/session', { method: 'POST' })).apiKey;
    }),
    readStations: async () => orchestrator.map(await listStations(), readStation, { concurrency: 3 }),
    fetchForecast: orchestrator.action(async function fetchForecast() {
      return (await request<{ text: string }>('/forecast')).text;
    }),
    fetchSatellite: orchestrator.action(() => request('/satellite'), { name: 'fetchSatellite', timeout: 60_000 }),
    fetchRadar: orchestrator.action(() => request('/radar'), { name: 'fetchRadar', retry: 1 }),
    publish: orchestrator.action(function publish(bulletin: Bulletin) {
      return request('/bulletins', { method: 'POST', body: JSON.stringify(bulletin) });
    }),
  };
}

function describe({ station, wind }: Reading): string {
  return `${station}, ${wind} knots`;
}
