using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// Chooses the hops of a circuit: the exit first (region, rules, and if it can be beside the guard in use), then the guard, then the middle. Every draw is random in
/// proportion to a weight, because always taking the best would make clients predictable and herd their load; of two draws the
/// relay with less to do is taken. Two hops never share a node, operator family, network, autonomous system or, where the
/// profile asks, country; and no hop follows one that cannot reach it. docs/operations/routing.md.
/// </summary>
public static class PathSelector
{
    // Exits and entries that are tried before the relays are called too few.
    const int MostTries = 200;

    // Of exits while they are scarce, and of carriers that introduce nobody: where nothing else fits they are still taken.
    const double Scarce = 1e-6;

    public static PathAnswer Choose(PathRequest request, IRelayKnowledge knowledge, IRandom random)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(knowledge);
        ArgumentNullException.ThrowIfNull(random);
        if (request.Candidates.Count == 0)
            return new PathAnswer(PathVerdict.NoRelays, null, new Exclusions());
        return new Search(request, knowledge, random).Run();
    }

    sealed class Search(PathRequest request, IRelayKnowledge knowledge, IRandom random)
    {
        readonly PathProfile _profile = request.Profile;
        readonly double _exitFactor = ExitFactor(request.Candidates, request.Profile.Hops, knowledge);
        Exclusions _leftOut = new();
        int _tries;

        public PathAnswer Run()
        {
            var verdict = PathVerdict.NoExit;
            foreach (var region in Regions())
            {
                var why = Exits(region, out var beside, out var others);
                if (why > verdict)
                    verdict = why;
                while (_tries++ < MostTries && (beside.TryTake(random, out var exit) || others.TryTake(random, out exit)))
                {
                    verdict = PathVerdict.TooFewRelays;
                    if (Complete(exit) is { } path)
                        return new PathAnswer(PathVerdict.Ok, path, new Exclusions());
                }
            }
            return new PathAnswer(verdict, null, _leftOut);
        }

        /// <summary>Null stands for every region that is not named.</summary>
        IEnumerable<string?> Regions() =>
            request.ExitRegions.Count > 0 && !request.OtherRegions ? request.ExitRegions : request.ExitRegions.Append(null);

        /// <summary>
        /// Exits beside which the guard in use may stand come first: an exit that rules it out would show another guard the client's address.
        /// </summary>
        PathVerdict Exits(string? region, out Draw beside, out Draw others)
        {
            var guard = _profile.Hops == 1 ? null : request.Guards?.Invoke(_ => true).FirstOrDefault();
            beside = new Draw(HopPlace.Exit, _profile, knowledge) { Region = region };
            others = new Draw(HopPlace.Exit, _profile, knowledge) { Region = region };
            var without = PathVerdict.NoExit;
            foreach (var relay in request.Candidates)
            {
                if (!relay.IsExit)
                    continue;
                if (region is null ? request.ExitRegions.Contains(relay.Region) : relay.Region != region)
                    beside.LeftOut.Add(Exclusion.OtherRegion);
                else if (request.MayExit?.Invoke(relay) == false)
                {
                    beside.LeftOut.Add(Exclusion.ExitRule);
                    without = PathVerdict.NoExitAllowed;
                    continue;
                }
                else if (guard is not null && Unfit(guard, relay) is { } rule)
                {
                    beside.LeftOut.Add(rule);
                    others.Add(relay, knowledge.RoundTrip(null, relay));
                }
                else
                    beside.Add(relay, knowledge.RoundTrip(null, relay));
                if (without == PathVerdict.NoExit)
                    without = PathVerdict.NoExitInRegion;
            }
            return without;
        }

        ChosenPath? Complete(HopChoice exit)
        {
            if (_profile.Hops == 1)
                return exit.Relay.IsPublic && MayEnter(exit.Relay) ? new ChosenPath([exit]) : Carried(exit);
            foreach (var entry in request.Guards is { } guards ? Guarded(guards, exit) : Entries(exit))
            {
                if (_profile.Hops == 2)
                    return new ChosenPath([entry, exit]);
                var middles = Middles(entry.Relay, exit.Relay);
                if (middles.TryTake(random, out var middle))
                    return new ChosenPath([entry, middle, exit]);
                _leftOut = middles.LeftOut;
                if (_tries++ >= MostTries)
                    break;
            }
            return null;
        }

        /// <summary>Before an exit behind a NAT stands who introduces it: only he can lead the client to the direct path.</summary>
        ChosenPath? Carried(HopChoice exit)
        {
            var draw = new Draw(HopPlace.Introducer, _profile, knowledge);
            foreach (var relay in request.Candidates)
            {
                if (relay.IsPublic && MayEnter(relay) && Constraints.MayFollow(relay, exit.Relay))
                    draw.Add(relay, knowledge.RoundTrip(null, relay), exit.Relay.Introducers.Contains(relay.Id) ? 1 : Scarce);
                else
                    draw.LeftOut.Add(Exclusion.Unreachable);
            }
            _leftOut = draw.LeftOut;
            return draw.TryTake(random, out var introducer) ? new ChosenPath([introducer, exit]) : null;
        }

        IEnumerable<HopChoice> Guarded(Func<Func<Candidate, bool>, IEnumerable<Candidate>> guards, HopChoice exit)
        {
            var leftOut = new Exclusions();
            var order = guards(guard => Fits(guard, exit.Relay, leftOut)).ToArray();
            for (var i = 0; i < order.Length; i++)
            {
                yield return new HopChoice
                {
                    Place = HopPlace.Entry,
                    Relay = order[i],
                    Considered = order.Length,
                    LeftOut = leftOut,
                    Chance = 1,
                    Capacity = knowledge.Capacity(order[i]),
                    Reliability = knowledge.Reliability(order[i]),
                    RoundTrip = Through(null, order[i], exit.Relay),
                    Guard = i + 1,
                };
            }
            if (leftOut.Total > 0)
                _leftOut = leftOut;
        }

        bool Fits(Candidate guard, Candidate exit, Exclusions leftOut)
        {
            if (Unfit(guard, exit) is not { } rule)
                return true;
            leftOut.Add(rule);
            return false;
        }

        IEnumerable<HopChoice> Entries(HopChoice exit)
        {
            var draw = new Draw(HopPlace.Entry, _profile, knowledge);
            foreach (var relay in request.Candidates)
            {
                if (Unfit(relay, exit.Relay) is { } rule)
                    draw.LeftOut.Add(rule);
                else
                    draw.Add(relay, Through(null, relay, exit.Relay), relay.IsExit ? _exitFactor : 1);
            }
            while (draw.TryTake(random, out var entry))
                yield return entry;
            _leftOut = draw.LeftOut;
        }

        bool MayEnter(Candidate relay) => !request.EntriesByTcp || !relay.Target.TcpEndpoint.IsNone;

        Exclusion? Unfit(Candidate entry, Candidate exit) =>
            Constraints.Between(entry, exit, _profile.DifferentCountries)
            ?? (MayEnter(entry) ? null : (Exclusion?)Exclusion.NoTcp)
            ?? (!Constraints.MayFollow(null, entry) || (_profile.Hops == 2 && !Constraints.MayFollow(entry, exit)) ? Exclusion.Unreachable : null);

        Draw Middles(Candidate entry, Candidate exit)
        {
            var draw = new Draw(HopPlace.Middle, _profile, knowledge);
            foreach (var relay in request.Candidates)
            {
                var rule = Constraints.Between(relay, exit, _profile.DifferentCountries)
                    ?? Constraints.Between(relay, entry, _profile.DifferentCountries)
                    ?? (Constraints.MayFollow(entry, relay) && Constraints.MayFollow(relay, exit) ? null : Exclusion.Unreachable);
                if (rule is { } broken)
                    draw.LeftOut.Add(broken);
                else
                    draw.Add(relay, Through(entry, relay, exit), relay.IsExit ? _exitFactor : 1);
            }
            return draw;
        }

        TimeSpan? Through(Candidate? from, Candidate relay, Candidate to) =>
            knowledge.RoundTrip(from, relay) is { } there && knowledge.RoundTrip(relay, to) is { } on ? there + on : null;

    }

    /// <summary>Weights of relays as guards, which are drawn for months: capacity x reliability x speed squared, from here.</summary>
    public static IReadOnlyList<(Candidate Relay, double Weight)> WeighEntries(IReadOnlyList<Candidate> relays, IRelayKnowledge knowledge)
    {
        ArgumentNullException.ThrowIfNull(relays);
        ArgumentNullException.ThrowIfNull(knowledge);
        var exitFactor = ExitFactor(relays, 3, knowledge);
        return
        [
            .. relays.Select(relay => (relay,
                knowledge.Capacity(relay) * knowledge.Reliability(relay) * Math.Pow(Draw.Speed(knowledge.RoundTrip(null, relay)), 2) * (relay.IsExit ? exitFactor : 1))),
        ];
    }

    /// <summary>As Tor's bandwidth weights: exits serve elsewhere with what is left when exiting has its share of all capacity.</summary>
    static double ExitFactor(IReadOnlyList<Candidate> relays, int hops, IRelayKnowledge knowledge)
    {
        if (hops == 1)
            return 1;
        double all = 0, exits = 0;
        foreach (var relay in relays)
        {
            var capacity = knowledge.Capacity(relay);
            all += capacity;
            exits += relay.IsExit ? capacity : 0;
        }
        return exits > 0 ? Math.Max(Scarce, (exits - all / hops) / exits) : 1;
    }
}
