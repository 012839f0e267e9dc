import type { Command } from 'commander';
import { redactorOf as dashboardRedactor } from '../../dashboard/index.js';
import { plainData } from '../output/json.js';
import type { FoundConfig } from './config.js';

export interface RevealFlags {
  readonly reveal?: boolean | undefined;
}

export function withReveal(command: Command): Command {
  return command.option('--reveal', 'show values whose keys say that they are secret: password, token, apiKey, …');
}

/** Takes out of a value what its keys say is secret, as the dashboard does. What it gives is data, as JSON has it. */
export function redactorOf({ config }: FoundConfig, { reveal }: RevealFlags): (value: unknown) => unknown {
  const redactor = dashboardRedactor(reveal === true ? false : config.dashboard?.redact);
  return (value) => plainData(value, redactor);
}
