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

/** The runs of a fleet, as an orchestrator comes by them. */
export class Runs {
  readonly catalogue: Catalogue;

  constructor(
    readonly engine: Engine,
    readonly workflows: Workflows,
  ) {
    this.catalogue = new Catalogue(engine, workflows);
  }

  /** A run with all that its journal says. @throws {RunNotFoundError} */
  open(runId: string): Promise<RunHandle> {
    return openRun(this.engine, this.workflows, aRunId(runId, 'runId'), this.catalogue);
  }

  /** @throws {RunNotFoundError} */
  async record(runId: string): Promise<RunRecord> {
    const record = await this.engine.runInfoStore.getRun(aRunId(runId, 'runId'));
    if (record === undefined) throw new RunNotFoundError(runId);
    return record;
  }

  /** A page of them. @throws {ValidationError} for what is not a filter */
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

  /** Reads the output on access: an output that cannot be read keeps no other run from being listed. */
  #listed(record: RunRecord): RunInfo {
    const read = (): unknown => this.#outputOf(record);
    const output = { get: read, enumerable: true, configurable: true };
    return Object.defineProperty({ ...record }, 'output', output) as RunInfo;
  }

  #outputOf({ runId, output }: RunRecord): unknown {
    return this.workflows.codec.decodeMaybe(output, 'output', `of run "${runId}" `);
  }
}
