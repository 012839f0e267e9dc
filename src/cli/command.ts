import type { Command } from 'commander';
import type { Session } from './session.js';

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

/** Work of a command: the arguments and options are those that commander passes to an action. */
type Work<Args extends readonly unknown[]> = (session: Session, ...args: Args) => unknown;

/**
 * Returns an action that loads its work when the command is executed. Help, completion and errors in the arguments load
 * nothing of the work.
 *
 * @param load - imports the work
 *
 * @example
 * command.action(loaded(session, async () => (await import('./work.js')).run));
 */
export function loaded<Args extends readonly unknown[]>(
  session: Session,
  load: () => Promise<Work<Args>>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    const work = await load();
    await work(session, ...args);
  };
}
