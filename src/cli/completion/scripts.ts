import { files } from './candidates.js';

/** Completion scripts by shell. Each script asks the program for the candidates, so it is always up to date. */
export const scripts = {
  bash: `# Completion of orchestrator for bash: source <(orchestrator completion bash)
_orchestrator() {
  local line point words candidate
  # Bash takes = and : for ends of words; the program does not.
  line=\${COMP_LINE:0:COMP_POINT}
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  COMPREPLY=()
  while IFS= read -r candidate; do
    if [[ $candidate == ${files} ]]; then
      compopt -o filenames 2> /dev/null
      while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -f -- "$2")
    else
      COMPREPLY+=("$candidate")
    fi
  done < <("\${words[0]}" complete -- "\${words[@]:1}" 2> /dev/null)
  # What stands before the word as bash sees it is on the line already.
  local last=\${words[\${#words[@]}-1]} prefix
  prefix=\${last%"$2"}
  [[ -n $prefix && $last == "$prefix$2" ]] && COMPREPLY=("\${COMPREPLY[@]#"$prefix"}")
}
complete -F _orchestrator orchestrator
`,
  zsh: `#compdef orchestrator
# Completion of orchestrator for zsh: orchestrator completion zsh > ~/.zfunc/_orchestrator
_orchestrator() {
  local -a candidates
  candidates=("\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2> /dev/null)}")
  if [[ \${candidates[1]} == ${files} ]]; then
    _files
  elif [[ -n \${candidates[1]} ]]; then
    compadd -- "\${candidates[@]}"
  fi
}
if [[ \${funcstack[1]} == _orchestrator ]]; then
  _orchestrator "$@"
else
  compdef _orchestrator orchestrator
fi
`,
  fish: `# Completion of orchestrator for fish: orchestrator completion fish > ~/.config/fish/completions/orchestrator.fish
function __orchestrator_complete
  set -l words (commandline -opc) (commandline -ct)
  for candidate in ($words[1] complete -- $words[2..-1] 2> /dev/null)
    if test "$candidate" = "${files}"
      __fish_complete_path (commandline -ct)
    else
      echo $candidate
    end
  end
end
complete -c orchestrator -f -a '(__orchestrator_complete)'
`,
} as const;

export type Shell = keyof typeof scripts;
