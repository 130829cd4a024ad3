import { Command } from '@oclif/core/command';

/** Bash splits words at these too, and puts what it gets behind the last of them. */
const SCRIPT = `_weir() {
  local IFS=$'\\n' line=\${COMP_LINE:0:COMP_POINT}
  local last=\${line##*[[:space:]]} words
  IFS=$' \\t\\n' read -r -a words <<< "\${line%"$last"}"
  COMPREPLY=($(weir complete -- "\${words[@]:1}" "$last" 2>/dev/null))
  local behind=\${last%"\${last##*[=:]}"}
  COMPREPLY=("\${COMPREPLY[@]#"$behind"}")
}
complete -o default -F _weir weir`;

export default class Completion extends Command {
  static override summary = 'Print the script that completes words in bash and zsh: commands, flags, kinds, and names from the store.';
  static override usage = 'completion';
  static override examples = [
    { description: 'In bash, from ~/.bashrc', command: 'source <(<%= config.bin %> completion)' },
    {
      description: 'In zsh, from ~/.zshrc',
      command: 'autoload -U bashcompinit compinit && compinit && bashcompinit && source <(<%= config.bin %> completion)',
    },
  ];

  async run(): Promise<void> {
    await this.parse(Completion);
    this.log(SCRIPT);
  }
}
