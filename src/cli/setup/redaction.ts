import type { Command } from 'commander';
import { redactorOf as dashboardRedactor } from '../../dashboard/redaction/index.js';
import { plainData } from '../output/json.js';
import type { FoundConfig } from './config.js';

export interface RevealFlags {
  readonly reveal?: boolean | undefined;
}

export function withReveal(command: Command): Command {
  return command.option(
    '--reveal',
    'show what looks secret, too: values of password, token, apiKey, …, also in messages',
  );
}

/** Takes secrets out of what comes from runs, as the dashboard does. */
export interface RunRedactor {
  /** What it gives is data, as JSON has it. */
  value(value: unknown): unknown;
  text(text: string): string;
}

export function redactorOf({ config }: FoundConfig, { reveal }: RevealFlags): RunRedactor {
  const redactor = dashboardRedactor(reveal === true ? false : config.dashboard?.redact);
  return { value: (value) => plainData(value, redactor), text: redactor.text };
}
