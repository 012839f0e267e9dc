import { randomUUID } from 'node:crypto';
import type { Engine, OnShardError } from '../contracts.js';
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
   * Returns the engine that has a run, or would have it: one of the shards, if the engine consists of shards.
   *
   * @throws {EngineError} if a shard that may have the run does not answer
   */
  async engineOf(runId: string): Promise<Engine> {
    const id = aRunId(runId, 'runId');
    return this.engine.shards?.of(id) ?? this.engine;
  }

  /**
   * Returns the engine on which to start a run, with the id of the run.
   *
   * @param runId - default: a new id
   * @throws {EngineError} if a shard that may have the run does not answer; for a new id, if no shard answers
   */
  async placeFor(runId?: string): Promise<{ readonly engine: Engine; readonly runId: string }> {
    const { engine } = this;
    return engine.shards?.forStart(runId) ?? { engine, runId: runId ?? randomUUID() };
  }

  /**
   * Opens a run: reads its record and its whole journal.
   *
   * @throws {RunNotFoundError} for an unknown run
   */
  async open(runId: string): Promise<RunHandle> {
    return openRun(await this.engineOf(runId), this.workflows, runId, this.catalogue);
  }

  /** @throws {RunNotFoundError} for an unknown run */
  async record(runId: string): Promise<RunRecord> {
    const record = await (await this.engineOf(runId)).runInfoStore.getRun(runId);
    if (record === undefined) throw new RunNotFoundError(runId);
    return record;
  }

  /**
   * Returns a page of runs.
   *
   * @param onError - called with an error for each shard that does not answer. Default: the call rejects
   * @throws {ValidationError} for a filter that is not valid
   */
  async page(filter: RunFilter | RunStatus | readonly RunStatus[], onError?: OnShardError): Promise<RunPage> {
    const query = queryOf(filter);
    const records = await this.engine.runInfoStore.listRuns({ ...query, limit: query.limit + 1 }, onError);
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
