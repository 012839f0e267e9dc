#!/usr/bin/env node
import { main } from './cli.js';
import { FileOutput, isFile } from './file-output.js';

const { stdin, stderr, env } = process;
const stdout = isFile(1) ? new FileOutput(1) : process.stdout;
const code = await main(process.argv.slice(2), { stdin, stdout, stderr, env, cwd: process.cwd(), signals: process });
// Exits even if the command has left handles open, but only after all output has been written.
stdout.write('', () => stderr.write('', () => process.exit(code)));
