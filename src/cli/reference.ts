// Writes docs/cli.md. Run by `npm run docs:cli`.
import { writeFile } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { programOf } from './program.js';
import { referenceOf } from './reference/markdown.js';
import { Session } from './session.js';

const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });
const io = { stdin: Readable.from([]), stdout: nowhere(), stderr: nowhere(), env: {}, cwd: process.cwd() };
await writeFile(new URL('../../docs/cli.md', import.meta.url), referenceOf(programOf(new Session(io))));
