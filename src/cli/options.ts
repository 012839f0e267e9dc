import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../shared/durations.js';
import { readTime } from './output/times.js';

/** Adds the options that choose the engine. */
export function withEngine(command: Command): Command {
  return withConfig(command)
    .option(
      '--engine <address>',
      'redis://…, postgres://…, pglite:<directory> or memory: (better in REDIS_URL or DATABASE_URL if it has a password)',
    )
    .option('--prefix <name>', 'prefix of the names of keys and tables (default: orchestrator)');
}

function withConfig(command: Command): Command {
  return command.option('--config <file>', 'config file (default: orchestrator.config.* in this directory or above)');
}

/** Adds the options for the address and the token of a running program. */
export function withProgram(command: Command): Command {
  return command
    .option('--url <address>', 'address of the program (default: ORCHESTRATOR_URL, or http://127.0.0.1:4300)')
    .option('--token <token>', 'token of the program (default: ORCHESTRATOR_TOKEN, which process lists do not show)');
}

/** Adds the option that limits how long ending may take. `--deadline` is its former name. */
export function withTimeout(command: Command, description: string): Command {
  return command.option('--deadline, --timeout <duration>', `${description} (default: 10s)`, duration);
}

/** Adds the options of commands that serve the dashboard. */
export function withServing(command: Command): Command {
  return command
    .option('--port <port>', 'port of the dashboard; 0 for any free port (default: 4300)', whole(0, 65_535))
    .option('--host <address>', 'address to listen on (default: 127.0.0.1; on others, reading needs the token as well)')
    .option('--title <text>', 'title of the dashboard')
    .option(
      '--token <token>',
      'token for changing requests (default: ORCHESTRATOR_TOKEN, which process lists do not show, or a random token)',
    )
    .option('--read-only', 'allow no changes');
}

/** Adds the option that shows secrets. */
export function withReveal(command: Command): Command {
  return command.option('--reveal', 'show secrets as well: values of password, token, apiKey, …, also in messages');
}

/** An option with one or more of the given words, separated by commas or given several times. */
export function choices(flags: string, description: string, words: readonly string[]): Option {
  return new Option(flags, description).choices(words).argParser((given: string, before: readonly string[] = []) => {
    const asked = given.split(',').map((word) => word.trim());
    const unknown = asked.find((word) => !words.includes(word));
    if (unknown !== undefined) throw new InvalidArgumentError(`Allowed choices are ${words.join(', ')}.`);
    return [...before, ...asked];
  });
}

/** Creates a parser for whole numbers. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): (given: string) => number {
  return (given) => {
    const value = /^\d+$/.test(given) ? Number(given) : Number.NaN;
    if (value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

/** Creates a parser for whole numbers that also takes the word `auto`. */
export function wholeOrAuto(least: number, most: number): (given: string) => number | 'auto' {
  const parse = whole(least, most);
  return (given) => {
    if (given === 'auto') return 'auto';
    try {
      return parse(given);
    } catch {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}, or auto.`);
    }
  };
}

/** Parses a duration into milliseconds. */
export function duration(given: string): number {
  const value = parseDuration(given);
  if (value === undefined) throw new InvalidArgumentError('It must be a duration: 500ms, 30s, 5m, 2h or 7d.');
  return value;
}

/** Parses a time, or an age such as `2h`, into epoch milliseconds. */
export function time(given: string): number {
  const value = readTime(given, Date.now());
  if (value === undefined) {
    throw new InvalidArgumentError('It must be an age (30m, 2h, 7d) or a time (2026-11-21T19:00).');
  }
  return value;
}
