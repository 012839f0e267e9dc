import type { Command, Option } from 'commander';
import { notesOf } from '../command.js';
import { meanings } from '../exit-codes.js';

const preface = `# Command line

Generated from the program's own help by \`npm run docs:cli\`.

\`orchestrator\` runs flows, starts workers, and manages the runs of an engine and the loops of a program. Each command has
\`--help\`, with examples. Results go to the standard output, everything else to the standard error. With \`--json\`, results
are written as JSON in the shapes below. Within a major version, fields may be added to these shapes, but no field is removed
or changes its meaning. A list is one JSON value; continuous output is one JSON value per line. Text is for people and may
change at any time.`;

const engineText = `## Choosing an engine

The engine is taken from the first of these that is set:

1. \`--engine <address>\`: \`redis://host:6379\` (or \`rediss:\`), \`postgres://host:5432/database\`, \`pglite:<directory>\`, or
   \`memory:\`, whose data is lost when the program ends;
2. \`engine\` in the config file;
3. \`DATABASE_URL\` or \`REDIS_URL\`. If both are set, choose one of them by 1 or 2.

Passwords in addresses are never printed.

## Config file

The config file is \`orchestrator.config.ts\`, \`.mts\`, \`.js\`, \`.mjs\` or \`.json\`, in the working directory or the closest
directory above it, or the file given by \`--config\`. A module exports the config as its default export. All fields are
optional:

| field | |
| --- | --- |
| \`engine\` | an address as for \`--engine\` (a directory is relative to the file), or an engine created in the file |
| \`prefix\` | prefix of the names of keys and tables, if the engine is an address. Default: \`orchestrator\` |
| \`connectTimeout\` | milliseconds to wait for the engine's first answer, if the engine is an address; after that the command ends with exit code 5. Default: 5000; for pglite 60000. Raise it if \`worker\` or \`dashboard\` starts at the same time as its server and nothing restarts it |
| \`workflows\` | modules whose flows \`worker\` and \`orchestrate\` load if no modules are given; paths are relative to the file |
| \`loops\` | modules whose loops \`orchestrate\` loads if no modules are given; paths are relative to the file |
| \`dashboard.port\`, \`.host\`, \`.title\` | like the options of \`dashboard\` |
| \`dashboard.actions\` | \`false\`: the dashboard is read-only. Default: \`true\` |
| \`dashboard.redact\` | additional keys and patterns whose values are hidden; \`false\` shows everything. Default: only well-known keys are hidden |

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

Modules are \`.js\`, \`.mjs\`, \`.cjs\` or TypeScript. Node 22.18 and later load TypeScript directly; for earlier versions,
install \`tsx\` beside your code (\`npm install --save-dev tsx\`). If a command does not name a flow, it uses the default
export, or else the only flow that the module exports. If a module exports a \`FlowRuntime\`, this runtime executes its flows,
with its hooks, registry and dependencies. Use the command that is installed beside the module (\`npx orchestrator\`): flows
created by another copy of the package are refused.

\`orchestrate\` loads each \`Loop\` that a module exports. Loops with queues between them are exported as a workflow, which
declares the queues; the loops in it need no exports of their own:

\`\`\`js
// loops.js
import { Loop } from 'orchestrator/loops';

const poll = new Loop('poll', { schedule: 1_000 }).producer('fetch', fetchOrder).push('put', 'orders');
const work = new Loop('work').read('take', 'orders').blocking('price', priceOrder);

export const pipeline = { queues: { orders: { capacity: 10 } }, loops: [poll, work] };
\`\`\`

## Secrets in output

Values whose keys look secret (\`password\`, \`token\`, \`apiKey\`, ...) are hidden, in text and in JSON, by the commands that
read runs of an engine (\`runs\`, \`graph --run\`), by the logs of \`worker\` and \`orchestrate\`, and by the dashboard. Commands
with the option \`--reveal\` show them if it is given. \`run\` writes the result of its own run unchanged, including secrets. In
text, characters that a terminal would act on are shown as escapes.`;

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
  return `## Exit codes\n\n| code | |\n| --- | --- |\n${rows.join('\n')}\n\nIf a command acts on several runs, the first failure decides. \`worker\`, \`dashboard\` and \`orchestrate\` run until a
signal: they end with 0 if everything could finish in order. Commands that would end by themselves end with 130 or 143 at the
first signal. A second signal, during an orderly end, cuts any command short with 130 or 143.`;
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
    json === undefined ? undefined : `With \`--json\`:\n\n\`\`\`text\n${json}\n\`\`\``,
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

/** Formats the text of a table cell. Names of options and variables become code. */
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
