import type { Engine } from '../contracts.js';
import { aText as aRunId } from '../engines/texts.js';
import { RunNotFoundError } from '../errors.js';
import { cursorOf, queryOf } from '../run/query.js';
import type { RunHandle } from '../run/run-handle.js';
import { openRun } from '../run/run-handles.js';
import type { RunFilter, RunInfo, RunRecord, RunStatus } from '../run-info.js';
import type { Workflows } from '../workflows/workflows.js';
import { Catalogue } from './catalogue.js';
import type { RunPage } from './views.js';

/** Reads the runs of a fleet for an orchestrator. */
export class Runs {
  readonly catalogue: Catalogue;

  constructor(
    readonly engine: Engine,
    readonly workflows: Workflows,
  ) {
    this.catalogue = new Catalogue(engine, workflows);
  }

  /**
   * Opens a run: reads its record and its whole journal.
   *
   * @throws {RunNotFoundError} for an unknown run
   */
  open(runId: string): Promise<RunHandle> {
    return openRun(this.engine, this.workflows, aRunId(runId, 'runId'), this.catalogue);
  }

  /** @throws {RunNotFoundError} for an unknown run */
  async record(runId: string): Promise<RunRecord> {
    const record = await this.engine.runInfoStore.getRun(aRunId(runId, 'runId'));
    if (record === undefined) throw new RunNotFoundError(runId);
    return record;
  }

  /**
   * Returns a page of runs.
   *
   * @throws {ValidationError} for a filter that is not valid
   */
  async page(filter: RunFilter | RunStatus | readonly RunStatus[]): Promise<RunPage> {
    const query = queryOf(filter);
    const records = await this.engine.runInfoStore.listRuns({ ...query, limit: query.limit + 1 });
    const page = records.slice(0, query.limit);
    const last = records.length > query.limit ? page.at(-1) : undefined;
    return { runs: page.map((record) => this.#listed(record)), cursor: last && cursorOf(last) };
  }

  infoOf(record: RunRecord): RunInfo {
    return { ...record, output: this.#outputOf(record) };
  }

  /**
   * Returns a run whose output is decoded when it is accessed, so that an unreadable output does not prevent a listing.
   */
  #listed(record: RunRecord): RunInfo {
    const read = (): unknown => this.#outputOf(record);
    const output = { get: read, enumerable: true, configurable: true };
    return Object.defineProperty({ ...record }, 'output', output) as RunInfo;
  }

  #outputOf({ runId, output }: RunRecord): unknown {
    return this.workflows.codec.decodeMaybe(output, 'output', `of run "${runId}" `);
  }
}
