using Macro.Circuits;

namespace Macro.Engine;

/// <summary>Why there is no path, and what helps, in words.</summary>
static class PathProblem
{
    /// <param name="findsRelays">Relays are found by the node itself, which goes on looking, and not told by a file.</param>
    public static Trouble Explain(PathAnswer answer, ConnectRequest request, bool findsRelays)
    {
        var (problem, remedy) = Describe(answer, request, findsRelays);
        return new Trouble(problem, remedy, answer.Verdict);
    }

    static (string Problem, string Remedy) Describe(PathAnswer answer, ConnectRequest request, bool findsRelays) => answer.Verdict switch
    {
        PathVerdict.NoRelays when findsRelays => ("No relay was found so far.",
            "The node goes on looking. See that this machine is online and that its firewall lets UDP out, or ask a member for an invite: macrovpn join LINK."),
        PathVerdict.NoExit when findsRelays => ("No exit was found so far.", "The node goes on looking."),
        PathVerdict.NoExitInRegion when findsRelays => ($"No exit was found in region {request.ExitRegion} so far.", "The node goes on looking; or choose another region with --exit."),
        PathVerdict.NoRelays => ("No relay is known.", "Import a directory file: macrovpn network import FILE."),
        PathVerdict.AllBlocked => ("Every relay that is known is blocked.", "See which with 'macrovpn peers blocked'."),
        PathVerdict.NoExit => ("No relay in the directory is an exit.", "Import a directory file that lists an exit: macrovpn network import FILE."),
        PathVerdict.NoExitInRegion => ($"No exit is known in region {request.ExitRegion}.", "Choose another region with --exit, or leave it out."),
        PathVerdict.NoExitAllowed => ("Every exit is ruled out by a rule of yours.", "See which are blocked with 'macrovpn peers blocked'."),
        PathVerdict.TooFewRelays => (TooFew(answer, request.Mode), Remedy(request.Mode, findsRelays)),
        PathVerdict.Ok => ("", ""),
    };

    static string TooFew(PathAnswer answer, ConnectionMode mode)
    {
        var apart = mode.Profile().DifferentCountries
            ? "operators, networks (/16, or /32 of IPv6), autonomous systems and countries"
            : "operators, networks (/16, or /32 of IPv6) and autonomous systems";
        var leftOut = answer.LeftOut.ToString();
        return $"A circuit of {mode.Profile().Hops} hops needs relays of as many {apart}, and the relays that are known make none"
            + (leftOut.Length == 0 ? "." : $": {leftOut}.");
    }

    static string Remedy(ConnectionMode mode, bool findsRelays) => findsRelays
        ? "The node goes on looking; or choose a mode with fewer hops."
        : mode == ConnectionMode.Speed
        ? "Import relays that can be reached from here."
        : "Import relays of other operators and networks, or choose a mode with fewer hops.";
}
