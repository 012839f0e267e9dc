/** Lets threads and processes of loops load TypeScript, as in a program that is started with `node --import tsx`. */
process.execArgv.push('--import', 'tsx');
