import { Argument, type Command } from 'commander';
import { documented, loaded } from '../../command.js';
import type { Shell } from '../../completion/scripts.js';
import type { Session } from '../../session.js';

const shells: readonly Shell[] = ['bash', 'zsh', 'fish'];

/** `orchestrator completion`: completion of commands, options and their values in a shell. */
export function addCompletion(parent: Command, session: Session): void {
  const command = parent
    .command('completion')
    .summary('write a completion script for a shell')
    .description('Write a script that completes commands, options and their values in a shell.')
    .addArgument(new Argument('<shell>', 'name of the shell').choices(shells))
    .action(loaded(session, async () => (await import('./work.js')).script));
  documented(command, {
    examples: [
      ['source <(orchestrator completion bash)', 'for this bash; put the line into ~/.bashrc to keep it'],
      ['orchestrator completion zsh > ~/.zfunc/_orchestrator', 'for zsh; ~/.zfunc must be in $fpath'],
      ['orchestrator completion fish > ~/.config/fish/completions/orchestrator.fish', 'for fish'],
    ],
  });
  // Called by the completion scripts with the words of the line; the last word is the one to complete.
  parent
    .command('complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .helpOption(false)
    .action(loaded(session, async () => (await import('./work.js')).complete));
}
