import type { Command, Option } from 'commander';
import { notesOf } from '../command.js';
import { meanings } from '../exit-codes.js';

const preface = `# Command line

Generated from the parser by \`npm run docs:cli\`: what is written here is what the program does.

\`orchestrator\` runs flows, starts workers, and looks after the runs of an engine and the loops of a program. Each command
has \`--help\`, with examples. Results go to the standard output, all else to the standard error; \`--json\` writes the first
as JSON, in the shapes below: fields may be added to them, none is taken away or changes its meaning within a major version.
Lists are one JSON value, what goes on is a value a line. Text is for people, and may change.`;

const engineText = `## Choosing an engine

The first of these that says one:

1. \`--engine <address>\`: \`redis://host:6379\` (or \`rediss:\`), \`postgres://host:5432/database\`, \`pglite:<directory>\`,
   \`memory:\` (gone when the program ends);
2. \`engine\` in the config file;
3. \`DATABASE_URL\` or \`REDIS_URL\`. Where both are set, one has to be named by 1 or 2.

Passwords in addresses are never printed.

## Config file

\`orchestrator.config.ts\`, \`.mts\`, \`.js\`, \`.mjs\` or \`.json\`, in the working directory or the first above it that has one, or
what \`--config\` names. A module exports it as its default. Everything may be left out:

| field | |
| --- | --- |
| \`engine\` | an address as \`--engine\` takes it (a directory is from the file), or an engine made in the file |
| \`prefix\` | what names of keys and tables begin with, where the engine is an address. Default: \`orchestrator\` |
| \`connectTimeout\` | milliseconds to wait for the engine's first answer, where it is an address; then the command ends with exit code 5. Default: 5000; for pglite 60000. Raise it where \`worker\` or \`dashboard\` starts beside its server and nothing starts it again |
| \`workflows\` | modules whose flows \`worker\` and \`orchestrate\` have, where they are given none; paths are from the file |
| \`loops\` | modules whose loops \`orchestrate\` has, likewise |
| \`dashboard.port\`, \`.host\`, \`.title\` | as the options of \`dashboard\` |
| \`dashboard.actions\` | \`false\`: nothing can be changed there. Default: \`true\` |
| \`dashboard.redact\` | keys and patterns whose values are not shown, besides those that are known; \`false\` shows all |

\`\`\`js
// orchestrator.config.js
export default {
  engine: process.env.REDIS_URL ?? 'pglite:./data',
  workflows: ['./src/order.js'],
  loops: ['./src/loops.js'],
  dashboard: { port: 8080, redact: ['iban'] },
};
\`\`\`

## Modules

\`.js\`, \`.mjs\`, \`.cjs\`, and TypeScript: Node 22.18 and later load it as it is; before, \`tsx\` does, where it is installed
beside your code (\`npm install --save-dev tsx\`). A flow that is not named is the default export, else the only flow that the
module exports. A \`FlowRuntime\` that it exports executes its flows, with its hooks, registry and dependencies. The command
has to be the one that is installed beside the module (\`npx orchestrator\`): flows of another copy are refused.

\`orchestrate\` takes each \`Loop\` that a module exports. Loops with queues between them are exported as a workflow, which
declares the queues; what is in it need not be exported by itself:

\`\`\`js
// loops.js
import { Loop } from 'orchestrator/loops';

const poll = new Loop('poll', { schedule: 1_000 }).producer('fetch', fetchOrder).push('put', 'orders');
const work = new Loop('work').read('take', 'orders').blocking('price', priceOrder);

export const pipeline = { queues: { orders: { capacity: 10 } }, loops: [poll, work] };
\`\`\`

## What is shown of runs

Values whose keys say that they are secret (\`password\`, \`token\`, \`apiKey\`, ...) are left out as in the dashboard, in text and
in JSON, by the commands that look at runs of an engine (\`runs\`, \`graph --run\`), by the logs of \`worker\` and
\`orchestrate\`, and by the dashboard; those that have \`--reveal\` show them with it. \`run\` writes the result of the run that
it has carried out itself as it is, secrets and all. In text, signs that a terminal would act on are shown as escapes.`;

/** The reference of all commands, as Markdown. */
export function referenceOf(program: Command): string {
  const commands = leavesOf(program);
  const contents = commands.map(
    (command) =>
      `- [\`${pathOf(command)}\`](#${anchorOf(command)}): ${plain(command.summary() || command.description())}`,
  );
  const parts = [
    preface,
    contents.join('\n'),
    engineText,
    exitCodeText(),
    globalText(program),
    ...commands.map(sectionOf),
  ];
  return `${parts.join('\n\n')}\n`;
}

function leavesOf(command: Command): Command[] {
  const subs = command
    .createHelp()
    .visibleCommands(command)
    .filter((sub) => sub.name() !== 'help') as Command[];
  return subs.length === 0 ? [command] : subs.flatMap(leavesOf);
}

function exitCodeText(): string {
  const rows = meanings.map(([code, meaning]) => `| ${code} | ${meaning} |`);
  return `## Exit codes\n\n| code | |\n| --- | --- |\n${rows.join('\n')}\n\nOf several runs that are acted on, the first that fails decides. \`worker\`, \`dashboard\` and \`orchestrate\` are
meant to go on until a signal comes: where all ends in order then, they end with 0. 130 and 143 are for commands that were
cut short: by the first signal where they have an end of their own, by the second where they were ending.`;
}

function globalText(program: Command): string {
  return `## Options of every command\n\n${optionsText(program)}`;
}

function sectionOf(command: Command): string {
  const { examples = [], json, text } = notesOf(command) ?? {};
  const parts = [
    `## ${pathOf(command)}`,
    command.description(),
    `\`\`\`\n${pathOf(command)} ${command.usage()}\n\`\`\``,
    text?.replaceAll('\n', ' '),
    argumentsText(command),
    optionsText(command),
    examples.length === 0
      ? undefined
      : `\`\`\`bash\n${examples.map(([line, what]) => `# ${what}\n${line}`).join('\n')}\n\`\`\``,
    json === undefined ? undefined : `With \`--json\`:\n\n\`\`\`ts\n${json}\n\`\`\``,
  ];
  return parts.filter((part) => part !== undefined && part !== '').join('\n\n');
}

function argumentsText({ registeredArguments }: Command): string | undefined {
  if (registeredArguments.length === 0) return undefined;
  const rows = registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name();
    return `| \`${name}\` | ${cell(argument.description)}${choicesText(argument.argChoices)} |`;
  });
  return `| argument | |\n| --- | --- |\n${rows.join('\n')}`;
}

function optionsText(command: Command): string {
  const options = command.createHelp().visibleOptions(command) as Option[];
  const rows = options.map(
    ({ flags, description, argChoices }) => `| \`${flags}\` | ${cell(description)}${choicesText(argChoices)} |`,
  );
  return `| option | |\n| --- | --- |\n${rows.join('\n')}`;
}

function choicesText(words: readonly string[] | undefined): string {
  return words === undefined ? '' : `: ${words.map((word) => `\`${word}\``).join(', ')}`;
}

/** Names of options and variables are code wherever they stand. */
function cell(text: string): string {
  return plain(text).replaceAll('|', '\\|');
}

function plain(text: string): string {
  return text.replace(/(?<![\w`-])(--[a-z][a-z-]*|<[a-z-]+>|[A-Z]+_[A-Z_]+)/g, '`$1`');
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function anchorOf(command: Command): string {
  return pathOf(command).replaceAll(' ', '-');
}
