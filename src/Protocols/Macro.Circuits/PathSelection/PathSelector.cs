using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// Chooses the hops of a circuit: the exit first (region, rules), then the guard, then the middle. Every draw is random in
/// proportion to a weight, because always taking the best would make clients predictable and herd their load; of two draws the
/// relay with less to do is taken. Two hops never share a node, operator family, network, autonomous system or, where the
/// profile asks, country; and no hop follows one that cannot reach it. docs/operations/routing.md.
/// </summary>
public static class PathSelector
{
    // Exits and entries that are tried before the relays are called too few.
    const int MostTries = 200;

    // Exits are kept for being exits while they are scarce; where nothing else fits they are still taken.
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
        readonly double _exitFactor = ExitFactor(request, knowledge);
        Exclusions _leftOut = new();
        int _tries;

        public PathAnswer Run()
        {
            var verdict = PathVerdict.NoExit;
            foreach (var region in Regions())
            {
                var exits = Exits(region, out var why);
                if (why > verdict)
                    verdict = why;
                while (_tries++ < MostTries && exits.TryTake(random, out var exit))
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

        Draw Exits(string? region, out PathVerdict without)
        {
            var draw = new Draw(HopPlace.Exit, _profile, knowledge) { Region = region };
            without = PathVerdict.NoExit;
            foreach (var relay in request.Candidates)
            {
                if (!relay.IsExit)
                    continue;
                if (region is null ? request.ExitRegions.Contains(relay.Region) : relay.Region != region)
                    draw.LeftOut.Add(Exclusion.OtherRegion);
                else if (request.MayExit?.Invoke(relay) == false)
                {
                    draw.LeftOut.Add(Exclusion.ExitRule);
                    without = PathVerdict.NoExitAllowed;
                    continue;
                }
                else
                    draw.Add(relay, knowledge.RoundTrip(null, relay));
                if (without == PathVerdict.NoExit)
                    without = PathVerdict.NoExitInRegion;
            }
            return draw;
        }

        ChosenPath? Complete(HopChoice exit)
        {
            if (_profile.Hops == 1)
                return exit.Relay.IsPublic ? new ChosenPath([exit]) : Carried(exit);
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

        ChosenPath? Carried(HopChoice exit)
        {
            var draw = new Draw(HopPlace.Introducer, _profile, knowledge);
            foreach (var relay in request.Candidates)
            {
                if (relay.IsPublic && Constraints.MayFollow(relay, exit.Relay))
                    draw.Add(relay, knowledge.RoundTrip(null, relay));
                else
                    draw.LeftOut.Add(Exclusion.Unreachable);
            }
            _leftOut = draw.LeftOut;
            return draw.TryTake(random, out var introducer) ? new ChosenPath([introducer, exit]) : null;
        }

        IEnumerable<HopChoice> Guarded(IReadOnlyList<Candidate> guards, HopChoice exit)
        {
            var leftOut = new Exclusions();
            for (var i = 0; i < guards.Count; i++)
            {
                if (Unfit(guards[i], exit.Relay) is { } rule)
                {
                    leftOut.Add(rule);
                    continue;
                }
                yield return new HopChoice
                {
                    Place = HopPlace.Entry,
                    Relay = guards[i],
                    Considered = guards.Count,
                    LeftOut = leftOut,
                    Chance = 1,
                    Capacity = knowledge.Capacity(guards[i]),
                    Reliability = knowledge.Reliability(guards[i]),
                    RoundTrip = Through(null, guards[i], exit.Relay),
                    Guard = i + 1,
                };
            }
            if (leftOut.Total > 0)
                _leftOut = leftOut;
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

        Exclusion? Unfit(Candidate entry, Candidate exit) =>
            Constraints.Between(entry, exit, _profile.DifferentCountries)
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

        /// <summary>As Tor's bandwidth weights: exits serve elsewhere with what is left when exiting has its share of all capacity.</summary>
        static double ExitFactor(PathRequest request, IRelayKnowledge knowledge)
        {
            double all = 0, exits = 0;
            if (request.Profile.Hops > 1)
            {
                foreach (var relay in request.Candidates)
                {
                    var capacity = knowledge.Capacity(relay);
                    all += capacity;
                    exits += relay.IsExit ? capacity : 0;
                }
            }
            return exits > 0 ? Math.Max(Scarce, (exits - all / request.Profile.Hops) / exits) : 1;
        }
    }
}
