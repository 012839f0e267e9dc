import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const { bin, exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
const { pathname: command } = new URL(bin.orchestrator, root);

/** The row that all others are compared with. */
export const bare = 'a bare node';

/**
 * The arguments of Node for each program, by group and name.
 *
 * @type {Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>}
 */
export const programs = {
  'command line': {
    [bare]: ['--eval', '0'],
    'orchestrator --version': [command, '--version'],
    'orchestrator --help': [command, '--help'],
    'orchestrator runs list --help': [command, 'runs', 'list', '--help'],
    'completion of "runs "': [command, 'complete', '--', 'runs', ''],
    'orchestrator workers, on an empty engine': [command, 'workers', '--engine', 'memory:'],
  },
  imports: {
    [bare]: ['--eval', '0'],
    'an empty module': importing(),
    ...Object.fromEntries(entryPoints().map(([name, file]) => [name, importing(new URL(file, root).href)])),
  },
};

/** Names of the entry points of the package, with their files. */
function entryPoints() {
  const modules = Object.entries(exports).filter(([, target]) => target.default !== undefined);
  return modules.map(([path, target]) => [path.replace(/^\./, 'orchestrator'), target.default]);
}

function importing(url) {
  return ['--input-type', 'module', '--eval', url === undefined ? '' : `import ${JSON.stringify(url)}`];
}
