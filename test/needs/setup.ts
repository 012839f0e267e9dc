import type { TestProject } from 'vitest/node';
import { findPostgres, type PostgresPrograms } from './postgres.js';
import { type Program, pathOf, programs } from './programs.js';

/** What a machine has of what tests need. What is missing is undefined. */
export interface Found extends Readonly<Partial<Record<Program, string>>> {
  readonly postgres?: PostgresPrograms | undefined;
}

declare module 'vitest' {
  export interface ProvidedContext {
    found: Found;
  }
}

/** Looks once, before all tests, for what some of them need. With `TEST_NEEDS=all` nothing may be missing. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const names = Object.keys(programs) as Program[];
  const paths = Object.fromEntries(names.map((program) => [program, pathOf(program)]));
  const postgres = await findPostgres().catch((error: Error) => error);
  const found: Found = { ...paths, postgres: postgres instanceof Error ? undefined : postgres.programs };
  if (process.env.TEST_NEEDS === 'all') assertAll(found, postgres);
  provide('found', found);
  return async () => {
    if (!(postgres instanceof Error)) await postgres.remove();
  };
}

function assertAll(found: Found, postgres: unknown): void {
  const missing = Object.keys(found).filter((need) => found[need as keyof Found] === undefined);
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`, { cause: postgres });
}
