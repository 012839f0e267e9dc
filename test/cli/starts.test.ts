import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { builtIn } from '../../scripts/built-in.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

let outputs: Metafile['outputs'];

beforeAll(async () => {
  const { metafile } = await build({
    entryPoints: ['src/cli/main.ts'],
    outdir: 'dist',
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    absWorkingDir: root,
    plugins: [builtIn()],
  });
  outputs = metafile.outputs;
});

/** The chunk of a module, and all chunks that it imports before it runs. */
function chunksOf(module: string): ReadonlySet<string> {
  const chunks = new Set(Object.keys(outputs).filter((path) => outputs[path]?.entryPoint === module));
  for (const path of chunks) {
    for (const { path: imported, kind, external } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && external !== true) chunks.add(imported);
    }
  }
  return chunks;
}

/** Modules of this package that are loaded with a module. */
function modulesWith(module: string): string[] {
  const inputs = [...chunksOf(module)].flatMap((path) => Object.entries(outputs[path]?.inputs ?? {}));
  return inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path);
}

/** Layers that are loaded with a module, apart from the command line itself. */
function layersWith(module: string): string[] {
  const layers = modulesWith(module).map((path) => /^src\/(\w+)\//.exec(path)?.[1] ?? path);
  return [...new Set(layers)].filter((layer) => layer !== 'cli' && layer !== 'shared').sort();
}

/** Packages that are loaded with a module. */
function packagesWith(module: string): string[] {
  const imports = [...chunksOf(module)].flatMap((path) => outputs[path]?.imports ?? []);
  const packages = imports.filter(({ external, kind }) => external === true && kind === 'import-statement');
  return [...new Set(packages.map(({ path }) => path))].filter((path) => !path.startsWith('node:')).sort();
}

describe('the start of the command line', () => {
  it('loads nothing of the layers below but the names of statuses', () => {
    const below = modulesWith('src/cli/main.ts').filter((path) => !/^src\/(cli|shared)\//.test(path));
    expect(below).toEqual(['src/distributed/run-info.ts']);
  });

  it('loads no package but the parser of arguments', () => {
    expect(packagesWith('src/cli/main.ts')).toEqual(['commander']);
  });

  it('loads the work of no command', () => {
    const modules = modulesWith('src/cli/main.ts');
    expect(modules).toContain('src/cli/commands/run/declaration.ts');
    expect(modules.filter((path) => /work\.ts$|\/setup\//.test(path))).toEqual([]);
  });
});

describe('a command', () => {
  it.each([
    ['completion', []],
    ['loops', ['dashboard']],
    ['dead-letters', []],
    ['journal', ['durable', 'kernel']],
    ['run', ['flow', 'kernel', 'progress']],
    ['workers', ['distributed', 'flow', 'kernel']],
  ])('%s loads the layers that it uses', (command, layers) => {
    expect(layersWith(`src/cli/commands/${command}/work.ts`)).toEqual(layers);
  });
});
