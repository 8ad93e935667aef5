using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine;

/// <summary>Relays to choose from, and those that failed lately: one for all circuits of a client, which learn from each other.</summary>
sealed class PathChooser(IRandom random)
{
    static readonly TimeSpan s_avoidFor = TimeSpan.FromMinutes(2);

    readonly RelayRatings _ratings = new();
    readonly Dictionary<string, Instant> _avoided = [];

    public IReadOnlyList<Candidate> Candidates { get; set; } = [];

    /// <summary>A relay that failed is left out for two minutes, unless there is no path without it: it may have been the network in between.</summary>
    public PathAnswer Choose(ConnectRequest request, Instant now)
    {
        foreach (var (name, until) in _avoided)
            if (until <= now)
                _avoided.Remove(name);
        var answer = Choose(request, [.. Candidates.Where(c => !_avoided.ContainsKey(c.Target.Name))]);
        return answer.Path is null && _avoided.Count > 0 ? ChooseAmongAll(request) : answer;
    }

    public PathAnswer ChooseAmongAll(ConnectRequest request) => Choose(request, Candidates);

    public void Avoid(Circuit circuit, Instant now)
    {
        if (circuit.Failure is { } failure)
            _avoided[circuit.Hops[failure.HopIndex].Target.Name] = now + s_avoidFor;
    }

    public void ForgetFailures() => _avoided.Clear();

    PathAnswer Choose(ConnectRequest request, IReadOnlyList<Candidate> among) => PathSelector.Choose(
        new PathRequest
        {
            Profile = request.Mode.Profile(),
            Candidates = among,
            ExitRegions = request.Regions,
            OtherRegions = request.OtherRegions,
        },
        _ratings, random);
}
