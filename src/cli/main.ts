#!/usr/bin/env node
import { uncheckedFields } from '../shared/schema-check.js';
import { main } from './cli.js';
import { FileOutput, isFile } from './file-output.js';

// The program ends below. If it has nothing left to do before that, Node.js ends it with 13, without a word.
process.once('beforeExit', () => {
  const fields = uncheckedFields();
  const cause = fields.length === 0 ? 'a promise' : `the schema of ${fields.join(', ')}`;
  process.stderr.write(`orchestrator: the command has no result: it waits for ${cause}, which never settles\n`);
});

const { stdin, stderr, env } = process;
const stdout = isFile(1) ? new FileOutput(1) : process.stdout;
const code = await main(process.argv.slice(2), { stdin, stdout, stderr, env, cwd: process.cwd(), signals: process });
// Exits even if the command has left handles open, but only after all output has been written.
stdout.write('', () => stderr.write('', () => process.exit(code)));
