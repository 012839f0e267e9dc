import { LoopModuleError } from 'orchestrator/loops';
import { expect, it } from 'vitest';
import { loadLoop, moduleError } from '../../src/loops/pools/module.js';
import { rejection } from '../support.js';

const moduleOf = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
const placed = (code: string, name?: string) => ({ id: 'l', module: moduleOf(code), ...(name && { export: name }) });
const version = (protocol: number) => `{ [Symbol.for('orchestrator.loops.hosting')]: { protocol: ${protocol} } }`;

it.each([
  ['nothing', 'const loop = 1;', undefined, 'has no export "default", only none'],
  ['something else', 'export const one = 1, two = 2;', 'three', 'has no export "three", only one, two'],
  ['no loop', 'export default 7;', undefined, 'exports Number as "default", not a Loop'],
  ['a loop of an earlier version', `export default ${version(1)};`, undefined, 'by another version of this package'],
  [
    'what gives such a loop',
    `export const make = () => (${version(1)});`,
    'make',
    'exports a loop "make" that was created by another version',
  ],
  ['an error', 'throw new RangeError("no such table");', undefined, 'cannot be loaded: no such table'],
])('a module of a loop that holds %s is refused by name', async (_holds, code, name, message) => {
  const error = await rejection(loadLoop(placed(code, name)));
  expect(error).toBeInstanceOf(LoopModuleError);
  expect(error).toMatchObject({ message: expect.stringContaining(message) });
});

it('a module that starts its own loop is told to move the loop into another module', () => {
  expect(moduleError(placed(''), { type: 'circle' }).message).toContain(
    'move the loop into a module that only exports it',
  );
});

it('a module of a loop in TypeScript is told how it can be loaded', () => {
  const code = 'ERR_UNKNOWN_FILE_EXTENSION';
  const error = { name: 'TypeError', message: 'Unknown file extension ".ts" for a.ts', stack: '', code };
  expect(moduleError(placed(''), { type: 'import', error }).message).toContain('node --import tsx');
  const other = { ...error, message: 'Unknown file extension ".css" for a.css' };
  expect(moduleError(placed(''), { type: 'import', error: other }).message).toContain('cannot be loaded: Unknown file');
});
