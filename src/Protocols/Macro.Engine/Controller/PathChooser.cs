using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine;

/// <summary>Relays to choose from, and those that failed lately: one for all circuits of a client, which learn from each other.</summary>
sealed class PathChooser(IRandom random)
{
    static readonly TimeSpan s_avoidFor = TimeSpan.FromMinutes(2);

    readonly Dictionary<string, Instant> _avoided = [];

    public IReadOnlyList<Candidate> Candidates { get; set; } = [];

    /// <summary>A relay that failed is left out for two minutes, unless there is no path without it: it may have been the network in between.</summary>
    public PathVerdict Choose(ConnectRequest request, Instant now, out HopTarget[] path)
    {
        foreach (var (name, until) in _avoided)
            if (until <= now)
                _avoided.Remove(name);
        var verdict = PathSelector.Choose(
            [.. Candidates.Where(c => !_avoided.ContainsKey(c.Target.Name))], request.Mode.Hops(), request.ExitRegion, random, out path);
        return verdict != PathVerdict.Ok && _avoided.Count > 0 ? ChooseAmongAll(request, out path) : verdict;
    }

    public PathVerdict ChooseAmongAll(ConnectRequest request, out HopTarget[] path) =>
        PathSelector.Choose(Candidates, request.Mode.Hops(), request.ExitRegion, random, out path);

    public void Avoid(Circuit circuit, Instant now)
    {
        if (circuit.Failure is { } failure)
            _avoided[circuit.Hops[failure.HopIndex].Target.Name] = now + s_avoidFor;
    }

    public void ForgetFailures() => _avoided.Clear();

    /// <summary>Relays are found by the node itself and not told by a file.</summary>
    public bool FindsRelays { get; set; }

    public (string Problem, string Remedy) Explain(PathVerdict verdict, ConnectRequest request) => verdict switch
    {
        PathVerdict.Ok => ("", ""),
        PathVerdict.NoRelays when FindsRelays => ("No relay was found so far.",
            "The node goes on looking. See that this machine is online and that its firewall lets UDP out, or ask a member for an invite: macrovpn join LINK."),
        PathVerdict.NoExit when FindsRelays => ("No exit was found so far.", "The node goes on looking."),
        PathVerdict.NoExitInRegion when FindsRelays => ($"No exit was found in region {request.ExitRegion} so far.", "The node goes on looking; or choose another region with --exit."),
        PathVerdict.TooFewRelays when FindsRelays => ($"A circuit of {request.Mode.Hops()} hops needs as many relays of different operators and addresses; too few were found so far.",
            "The node goes on looking; or choose a mode with fewer hops."),
        PathVerdict.NoRelays => ("No relay is known.", "Import a directory file: macrovpn network import FILE."),
        PathVerdict.NoExit => ("No relay in the directory is an exit.", "Import a directory file that lists an exit: macrovpn network import FILE."),
        PathVerdict.NoExitInRegion => ($"No exit is known in region {request.ExitRegion}.", "Choose another region with --exit, or leave it out."),
        PathVerdict.TooFewRelays => ($"A circuit of {request.Mode.Hops()} hops needs as many relays of different operators and addresses; the directory has too few.",
            "Import more relays, or choose a mode with fewer hops."),
    };
}
