/** Has threads and processes of loops load TypeScript, as those of a program do that is started with `node --import tsx`. */
process.execArgv.push('--import', 'tsx');
