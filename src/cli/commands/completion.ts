import { Argument, type Command } from 'commander';
import { documented } from '../command.js';
import { candidates } from '../completion/candidates.js';
import { type Shell, scripts } from '../completion/scripts.js';
import type { Session } from '../session.js';

/** `orchestrator completion`: what a shell needs to complete commands, options and their values. */
export function addCompletion(parent: Command, session: Session): void {
  const command = parent
    .command('completion')
    .summary('write a completion script for a shell')
    .description('Write a script that completes commands, options and their values in a shell.')
    .addArgument(new Argument('<shell>', 'which').choices(Object.keys(scripts)))
    .action((shell: Shell) => session.stdout.text(scripts[shell]));
  documented(command, {
    examples: [
      ['source <(orchestrator completion bash)', 'in this bash; put the line into ~/.bashrc for all'],
      ['orchestrator completion zsh > ~/.zfunc/_orchestrator', 'for zsh; ~/.zfunc has to be in $fpath'],
      ['orchestrator completion fish > ~/.config/fish/completions/orchestrator.fish', 'for fish'],
    ],
  });
  // What the scripts call: the words of the line so far, of which the last is to be completed.
  parent
    .command('complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .helpOption(false)
    .action((words: string[]) => {
      for (const candidate of candidates(parent, words)) session.stdout.line(candidate);
    });
}
