import * as kernel from 'orchestrator';
import {
  AbortError,
  Orchestrator,
  OrchestratorError,
  ParallelError,
  TimeoutError,
  ValidationError,
} from 'orchestrator';
import * as dashboard from 'orchestrator/dashboard';
import * as distributed from 'orchestrator/distributed';
import * as engine from 'orchestrator/distributed/engine';
import * as testing from 'orchestrator/distributed/testing';
import * as flow from 'orchestrator/flow';
import * as limits from 'orchestrator/limits';
import * as loops from 'orchestrator/loops';
import * as progress from 'orchestrator/progress';
import * as telemetry from 'orchestrator/telemetry';
import { describe, expect, it, vi } from 'vitest';
import { rejection } from '../support.js';

const entries = { kernel, flow, distributed, engine, testing, limits, loops, telemetry, progress, dashboard };

/** All error classes that the entry points export, each with its entry point and name. */
const classes = Object.entries(entries).flatMap(([entry, exported]) =>
  Object.entries(exported as Record<string, unknown>)
    .filter((named): named is [string, ErrorConstructor] => isErrorClass(named[1]))
    .map(([name, Class]) => [`${entry}: ${name}`, Class] as const),
);

function isErrorClass(value: unknown): boolean {
  return typeof value === 'function' && value.prototype instanceof Error;
}

describe('OrchestratorError', () => {
  it('is exported, and there are error classes in every entry that has errors', () => {
    const found = new Set(classes.map(([name]) => name.split(':')[0]));
    expect([...found].sort()).toEqual([
      'dashboard',
      'distributed',
      'engine',
      'flow',
      'kernel',
      'limits',
      'loops',
      'telemetry',
    ]);
    expect(classes.length).toBeGreaterThan(35);
  });

  it.each(classes.filter(([, Class]) => Class !== (AbortError as unknown)))('recognises %s', (_, Class) => {
    expect(Class.prototype instanceof OrchestratorError).toBe(true);
  });

  it.each([
    [new ValidationError('no'), TypeError],
    [new ParallelError([], []), AggregateError],
    [new flow.BlueprintError('a', []), TypeError],
    [new flow.SerializationError('a', 'is a socket'), TypeError],
    [new distributed.PayloadError('a', 2, 1), RangeError],
  ])('recognises %s, which stays an instance of its other class', (error, Class) => {
    expect(error).toBeInstanceOf(OrchestratorError);
    expect(error).toBeInstanceOf(Class);
    expect(error.code).toMatch(/^ERR_/);
    expect(Object.keys(error)).not.toContain('stack');
  });

  it('does not recognise other errors, AbortError and values that are not objects', () => {
    for (const other of [new Error('a'), new AbortError('a'), {}, null, undefined, 'ERR_TIMEOUT', () => {}]) {
      expect(other instanceof OrchestratorError).toBe(false);
    }
  });

  it('does not change instanceof of its subclasses', () => {
    const error = new TimeoutError('a', 1);
    expect(error instanceof TimeoutError).toBe(true);
    expect(error instanceof ValidationError).toBe(false);
    expect(new ValidationError('a') instanceof TimeoutError).toBe(false);
    expect(Object.create(distributed.EngineError.prototype) instanceof distributed.EngineError).toBe(true);
  });

  it('recognises the errors of another copy of the package', async () => {
    vi.resetModules();
    const other = await import('orchestrator');
    expect(other.OrchestratorError).not.toBe(OrchestratorError);
    for (const error of [new other.TimeoutError('a', 1), new other.ValidationError('a')]) {
      expect(error).toBeInstanceOf(OrchestratorError);
    }
    expect(new TimeoutError('a', 1)).toBeInstanceOf(other.OrchestratorError);
    expect(new TimeoutError('a', 1)).not.toBeInstanceOf(other.TimeoutError);
  });

  it('is the class of the errors that the package itself makes', async () => {
    const orchestrator = new Orchestrator();
    const hang = orchestrator.action(() => new Promise(() => {}), { timeout: 5 });
    const both = orchestrator.parallel([hang, hang]);
    const work = [hang, both, () => orchestrator.run(() => Promise.reject(5)), () => orchestrator.run(5 as never)];
    for (const failing of work) expect(await rejection(failing())).toBeInstanceOf(OrchestratorError);
  });
});
