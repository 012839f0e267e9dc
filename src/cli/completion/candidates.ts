import type { Command, Option } from 'commander';

/** Placeholder for paths, which shells complete themselves. */
export const files = ':files';

/**
 * Returns the candidates for the last word: subcommands, options, and values of options and arguments. All are derived
 * from the tree of commands.
 *
 * @param words - the words of the line without the program; the last is the word to complete, as typed so far
 */
export function candidates(program: Command, words: readonly string[]): string[] {
  const last = words.at(-1) ?? '';
  const { command, option, isBehindDashes, args } = placeOf(program, words.slice(0, -1));
  if (option !== undefined) return valuesOf(option, last);
  const [, flag, given = ''] = /^(--[^=]+)=(.*)$/s.exec(last) ?? [];
  if (flag !== undefined && !isBehindDashes) {
    const assigned = optionOf(command, flag);
    return assigned === undefined
      ? []
      : valuesOf(assigned, given).map((value) => (value === files ? files : `${flag}=${value}`));
  }
  if (last.startsWith('-') && !isBehindDashes) return starting(flagsOf(command), last);
  const names = args === 0 ? visible(command).flatMap((sub) => [sub.name(), ...sub.aliases()]) : [];
  if (names.length > 0) return starting([...names, 'help'], last);
  return argumentsOf(command, args, last);
}

interface Place {
  readonly command: Command;
  /** Option whose value comes next, if any. */
  readonly option: Option | undefined;
  readonly isBehindDashes: boolean;
  /** Number of arguments so far. */
  readonly args: number;
}

function placeOf(program: Command, words: readonly string[]): Place {
  let place: Place = { command: program, option: undefined, isBehindDashes: false, args: 0 };
  for (const word of words) place = { ...place, ...behind(place, word) };
  return place;
}

function behind({ command, option, isBehindDashes, args }: Place, word: string): Partial<Place> {
  if (option !== undefined) return { option: undefined };
  if (isBehindDashes) return { args: args + 1 };
  if (word === '--') return { isBehindDashes: true };
  if (word.startsWith('-')) {
    const known = optionOf(command, word);
    return known?.required === true ? { option: known } : {};
  }
  const sub =
    args === 0 ? command.commands.find((one) => one.name() === word || one.aliases().includes(word)) : undefined;
  return sub === undefined ? { args: args + 1 } : { command: sub };
}

/** The options of a command and of its parents. */
function optionsOf(command: Command): Option[] {
  const own = command.options.filter(({ hidden }) => !hidden);
  return command.parent === null
    ? own
    : [...own, ...optionsOf(command.parent).filter(({ long }) => long !== '--version')];
}

function optionOf(command: Command, flag: string): Option | undefined {
  return optionsOf(command).find(({ long, short }) => long === flag || short === flag);
}

function flagsOf(command: Command): string[] {
  return [...optionsOf(command).flatMap(({ long }) => long ?? []), '--help'];
}

function visible(command: Command): Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((sub) => sub.name() !== 'help') as Command[];
}

const paths = /^<(?:file|directory)>$/;

function valuesOf({ argChoices, flags }: Option, typed: string): string[] {
  const placeholder = flags.split(' ').at(-1) ?? '';
  if (argChoices === undefined) return paths.test(placeholder) || /<json>/.test(placeholder) ? [files] : [];
  // In a list separated by commas, only the last word is completed.
  const before = typed.slice(0, typed.lastIndexOf(',') + 1);
  return starting(
    argChoices.map((value) => before + value),
    typed,
  );
}

function argumentsOf(command: Command, index: number, typed: string): string[] {
  const { registeredArguments: all } = command;
  const argument = all[index] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined);
  if (argument === undefined) return [];
  if (argument.argChoices !== undefined) return starting(argument.argChoices, typed);
  return argument.name().startsWith('module') ? [files] : [];
}

function starting(words: readonly string[], typed: string): string[] {
  return words.filter((word) => word.startsWith(typed));
}
