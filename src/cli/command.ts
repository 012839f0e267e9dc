import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../shared/durations.js';
import { readTime } from './output/times.js';

/** Additions to the help and the reference of a command, apart from its options and arguments. */
export interface Notes {
  /** Example lines, each with a description of its effect. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Type of the output of `--json`. If absent, the command has no `--json` option. */
  readonly json?: string;
  /** Further information, in sentences. */
  readonly text?: string;
}

const noted = new WeakMap<Command, Notes>();

/** Adds the notes to the help of a command, and the option `--json` if the notes have a `json` type. */
export function documented(command: Command, notes: Notes): Command {
  noted.set(command, notes);
  if (notes.json !== undefined) command.option('--json', 'write JSON');
  const parts = [
    notes.text,
    examplesOf(notes),
    notes.json === undefined ? undefined : `With --json:\n${indented(notes.json)}`,
  ];
  const text = parts.filter((part) => part !== undefined).join('\n\n');
  return command.addHelpText('after', `\n${text}`);
}

export function notesOf(command: Command): Notes | undefined {
  return noted.get(command);
}

function examplesOf({ examples }: Notes): string {
  return `Examples:\n${examples.map(([line, what]) => `  # ${what}\n  ${line}`).join('\n')}`;
}

function indented(text: string): string {
  return text.replace(/^/gm, '  ');
}

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
