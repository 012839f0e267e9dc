import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../shared/durations.js';
import { readTime } from './output/times.js';

/** What help and reference say of a command, besides what its options and arguments say. */
export interface Notes {
  /** Lines that can be typed, each with what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** What `--json` writes, as a type. Without it there is no `--json`. */
  readonly json?: string;
  /** More, in sentences. */
  readonly text?: string;
}

const noted = new WeakMap<Command, Notes>();

/** Says what a command does, where it is helped with, and gives it `--json` where it has a shape. */
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

/** Options that choose the engine. */
export function withEngine(command: Command): Command {
  return withConfig(command)
    .option(
      '--engine <address>',
      'redis://…, postgres://…, pglite:<directory> or memory: (one with a password better by REDIS_URL or DATABASE_URL)',
    )
    .option('--prefix <name>', 'what names of keys and tables begin with (default: orchestrator)');
}

function withConfig(command: Command): Command {
  return command.option('--config <file>', 'config file (default: orchestrator.config.* here or above)');
}

/** Options that say where a running program is. */
export function withProgram(command: Command): Command {
  return command
    .option('--url <address>', 'where the program is reached (default: ORCHESTRATOR_URL, else http://127.0.0.1:4300)')
    .option(
      '--token <token>',
      'what it has to be told (default: ORCHESTRATOR_TOKEN, which no list of processes shows)',
    );
}

/** The option that says how long ending may take. `--deadline` is its former name. */
export function withTimeout(command: Command, description: string): Command {
  return command.option('--deadline, --timeout <duration>', `${description} (default: 10s)`, duration);
}

/** An option whose values are some of the words, separated by commas, or given several times. */
export function choices(flags: string, description: string, words: readonly string[]): Option {
  return new Option(flags, description).choices(words).argParser((given: string, before: readonly string[] = []) => {
    const asked = given.split(',').map((word) => word.trim());
    const unknown = asked.find((word) => !words.includes(word));
    if (unknown !== undefined) throw new InvalidArgumentError(`Allowed choices are ${words.join(', ')}.`);
    return [...before, ...asked];
  });
}

/** Reads a whole number. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): (given: string) => number {
  return (given) => {
    const value = /^\d+$/.test(given) ? Number(given) : Number.NaN;
    if (value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

/** Reads a duration, as milliseconds. */
export function duration(given: string): number {
  const value = parseDuration(given);
  if (value === undefined) throw new InvalidArgumentError('It must be a duration: 500ms, 30s, 5m, 2h or 7d.');
  return value;
}

/** Reads a point in time, or how long ago it was. */
export function time(given: string): number {
  const value = readTime(given, Date.now());
  if (value === undefined) {
    throw new InvalidArgumentError('It must be how long ago (30m, 2h, 7d), or a time (2026-11-21T19:00).');
  }
  return value;
}
