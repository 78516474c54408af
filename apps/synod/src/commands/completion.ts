import type { Command } from "commander";
import { Argument } from "commander";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

export function addCompletion(program: Command): void {
  program
    .command("completion")
    .summary("print the completion script of a shell")
    .description(
      'Prints a completion script. bash: source <(synod completion bash); zsh: synod completion zsh > "${fpath[1]}/_synod"; ' +
        "fish: synod completion fish > ~/.config/fish/completions/synod.fish",
    )
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .action((shell: Shell) => {
      process.stdout.write(SCRIPTS[shell](wordsOf(program)));
    });
}

/** What may come behind the words of a command. */
interface Words {
  /** Names of the commands up to here, `synod` not among them. */
  readonly path: string;
  readonly words: readonly { readonly name: string; readonly help: string }[];
}

function wordsOf(command: Command, path = ""): Words[] {
  const commands = command.commands.map((one) => ({ name: one.name(), help: one.summary() || one.description() }));
  const options = command.options.map((option) => ({
    name: option.long ?? option.short ?? "",
    help: option.description,
  }));
  const own = { path, words: [...commands, ...options, { name: "--help", help: "show help" }] };
  return [own, ...command.commands.flatMap((one) => wordsOf(one, path === "" ? one.name() : `${path} ${one.name()}`))];
}

const cases = (all: readonly Words[], line: (words: Words) => string): string => all.map(line).join("\n");
const single = (text: string): string => text.replaceAll("'", "'\\''");

/** The words before the cursor that are no options make the path; the longest path that is known decides. */
const SCRIPTS: Readonly<Record<Shell, (all: readonly Words[]) => string>> = {
  bash: (all) => `_synod() {
  local path="" next word
  local -i i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ "$word" == -- ]] && { COMPREPLY=($(compgen -c -- "\${COMP_WORDS[COMP_CWORD]}")); return; }
    [[ "$word" == -* ]] && continue
    next="\${path:+$path }$word"
    [[ -n "$(_synod_words "$next")" ]] && path="$next"
  done
  COMPREPLY=($(compgen -W "$(_synod_words "$path")" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
_synod_words() {
  case "$1" in
${cases(all, ({ path, words }) => `    '${single(path)}') echo '${single(words.map(({ name }) => name).join(" "))}' ;;`)}
  esac
}
complete -o default -F _synod synod
`,
  // `path` is the search path there, for which nothing would be found any more.
  zsh: (all) => `#compdef synod
_synod() {
  local known="" next word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ "$word" == -- ]] && { _command_names -e; return }
    [[ "$word" == -* ]] && continue
    next="\${known:+$known }$word"
    _synod_words "$next" && known="$next"
  done
  _synod_words "$known"
  _describe 'synod' found || _files
}
_synod_words() {
  case "$1" in
${cases(all, ({ path, words }) => `    '${single(path)}') found=(${words.map(({ name, help }) => `'${single(`${name}:${help.replaceAll(":", "\\:")}`)}'`).join(" ")}) ;;`)}
    *) return 1 ;;
  esac
}
_synod "$@"
`,
  fish: (all) => `function __synod_path
  set -l path
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and continue
    set -l next (string join ' ' $path $word)
    contains -- "$next" ${all
      .filter(({ path }) => path !== "")
      .map(({ path }) => `'${single(path)}'`)
      .join(" ")}; and set path $next
  end
  echo "$path"
end
${cases(all, ({ path, words }) =>
  words
    .map(({ name, help }) => {
      const what = name.startsWith("--") ? `-l '${single(name.slice(2))}'` : `-f -a '${single(name)}'`;
      return `complete -c synod -n 'test (__synod_path) = "${single(path)}"' ${what} -d '${single(help)}'`;
    })
    .join("\n"),
)}
`,
};
