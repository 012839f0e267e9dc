import { redactorOf as dashboardRedactor } from '../../dashboard/redaction/index.js';
import { plainData } from '../output/json.js';
import type { FoundConfig } from './config.js';

export interface RevealFlags {
  readonly reveal?: boolean | undefined;
}

/** Removes secrets from the data of runs, as the dashboard does. */
export interface RunRedactor {
  /** Returns data that JSON can express. */
  value(value: unknown): unknown;
  text(text: string): string;
}

export function redactorOf({ config }: FoundConfig, { reveal }: RevealFlags): RunRedactor {
  const redactor = dashboardRedactor(reveal === true ? false : config.dashboard?.redact);
  return { value: (value) => plainData(value, redactor), text: redactor.text };
}
