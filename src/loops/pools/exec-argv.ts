/**
 * The options of Node that a child process inherits: those that say what the program is, that start a debugger, a test or a
 * watch are for this program alone.
 */

/** Options that are left out with their value, be it behind `=` or the next argument. */
const withValue =
  /^(-e|--eval|-p|--print|-pe|--input-type|--inspect-port|--debug-port|--inspect-publish-uid|--watch-path|--watch-kill-signal|--run|--build-snapshot-config|--experimental-sea-config|--test-(name-pattern|skip-pattern|reporter|reporter-destination|shard|timeout|concurrency|isolation|global-setup|rerun-failures|coverage-.+))(=|$)/;

/** Options that are left out. Some may have a value behind `=`. */
const alone =
  /^(-|-c|--check|-i|--interactive|--entry-url|--build-snapshot|--prof-process|--inspect(-brk|-wait)?|--debug(-brk)?|--watch(-.+)?|--test(-.+)?|--experimental-test-.+)(=|$)/;

export function inheritedBy(execArgv: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < execArgv.length; index++) {
    const option = execArgv[index] as string;
    if (withValue.test(option)) {
      const next = execArgv[index + 1];
      // `--print` may stand alone.
      if (!option.includes('=') && next !== undefined && !next.startsWith('--')) index++;
    } else if (!alone.test(option)) kept.push(option);
  }
  return kept;
}
