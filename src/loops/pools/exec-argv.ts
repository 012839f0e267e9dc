/**
 * Selects the options of Node that a child process inherits. Options that name the program, or that start a debugger, a
 * test run or a watch, apply only to this program.
 */

/** Options that are removed together with their value, which follows `=` or is the next argument. */
const withValue =
  /^(-e|--eval|-p|--print|-pe|--input-type|--inspect-port|--debug-port|--inspect-publish-uid|--watch-path|--watch-kill-signal|--run|--build-snapshot-config|--experimental-sea-config|--test-(name-pattern|skip-pattern|reporter|reporter-destination|shard|timeout|concurrency|isolation|global-setup|rerun-failures|coverage-.+))(=|$)/;

/** Options that are removed without the next argument. Some may have a value after `=`. */
const alone =
  /^(-|-c|--check|-i|--interactive|--entry-url|--build-snapshot|--prof-process|--inspect(-brk|-wait)?|--debug(-brk)?|--watch(-.+)?|--test(-.+)?|--experimental-test-.+)(=|$)/;

export function inheritedBy(execArgv: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < execArgv.length; index++) {
    const option = execArgv[index] as string;
    if (withValue.test(option)) {
      const next = execArgv[index + 1];
      // `--print` may have no value.
      if (!option.includes('=') && next !== undefined && !next.startsWith('--')) index++;
    } else if (!alone.test(option)) kept.push(option);
  }
  return kept;
}
