#!/usr/bin/env node
import { main } from './cli.js';

const { stdin, stdout, stderr, env } = process;
const code = await main(process.argv.slice(2), { stdin, stdout, stderr, env, cwd: process.cwd(), signals: process });
// What a command has left behind keeps nobody from ending; what it has written is to arrive before.
stdout.write('', () => stderr.write('', () => process.exit(code)));
