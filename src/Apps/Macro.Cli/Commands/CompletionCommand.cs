using System.CommandLine;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn completion bash|zsh|fish: a script that asks this program for the words that fit.</summary>
static class CompletionCommand
{
    const string Bash = """
        # bash completion of macrovpn; to load it: source <(macrovpn completion bash)
        _macrovpn() {
            local IFS=$'\n'
            local words
            words="$("${COMP_WORDS[0]}" "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)"
            COMPREPLY=($(compgen -W "${words}" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _macrovpn macrovpn
        """;

    const string Zsh = """
        #compdef macrovpn
        # zsh completion of macrovpn; to load it: source <(macrovpn completion zsh)
        _macrovpn() {
            local -a found
            local line="${(j: :)words[1,CURRENT]}"
            found=(${(f)"$("${words[1]}" "[suggest:${#line}]" "${line}" 2>/dev/null)"})
            if (( ${#found} )); then
                compadd -- "${found[@]}"
            else
                _files
            fi
        }
        compdef _macrovpn macrovpn
        """;

    const string Fish = """
        # fish completion of macrovpn; to load it: macrovpn completion fish | source
        function __macrovpn_complete
            set -l line (commandline --current-process --cut-at-cursor)
            macrovpn "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
        end
        complete --command macrovpn --no-files --arguments '(__macrovpn_complete)'
        complete --command macrovpn --condition '__fish_seen_subcommand_from import export backup restore' --force-files
        """;

    public static Command Completion() => new("completion", "Print a completion script for a shell.")
    {
        Script("bash", Bash),
        Script("zsh", Zsh),
        Script("fish", Fish),
    };

    static Command Script(string shell, string text)
    {
        var command = new Command(shell, $"The script for {shell}.");
        command.SetAction(_ =>
        {
            Console.WriteLine(text);
            return ExitCodes.Done;
        });
        return command;
    }
}
