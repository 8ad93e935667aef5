using Macro.Core;
using Macro.Peers;
using Macro.Simulation;

namespace Macro.Sim;

/// <summary>
/// One client, relays of which one in ten drops circuits: by falling silent, or by not passing on what is for the next hop, so that that
/// one seems silent. Honest relays fail now and then, and the client's own network goes down at times. Besides, a guard that enters every circuit
/// and does not pass on, from the beginning or after it served well: then all others are nearly strangers.
/// </summary>
sealed class DropperScenario : Scenario
{
    const int Within = 50, Guards = 1000;
    const double HonestFailure = 0.01, OwnOutage = 0.02;

    public override string Name => "droppers";

    public override string Subject => "routing";

    public override string What => "how soon relays that drop circuits are found, and how many honest ones are blocked";

    public override void Run(Settings settings, Report report)
    {
        double found = 0, met = 0, blocked = 0, honest = 0;
        foreach (var rate in new[] { 0.3, 0.5, 1.0 })
        {
            foreach (var silent in new[] { true, false })
            {
                var world = new Drill(new SeededRandom(settings.Seed), settings.Nodes ?? 1000, rate, silent);
                world.Run(settings.Long ? 60_000 : 30_000);
                report.Row(("droppers", $"{rate:P0}, {(silent ? "fall silent" : "do not pass on")}"), ("with 50 circuits, or found", world.Met), ("found within 50", world.Found),
                    ("circuits until found, median", world.Needed.Median), ("p95", world.Needed.P95), ("honest blocked", world.HonestBlocked));
                (found, met, blocked, honest) = (found + world.Found, met + world.Met, blocked + world.HonestBlocked, honest + world.Honest);
                report.Require($"{rate:P0}, {(silent ? "silent" : "not passing on")}: 95 % are found within 50 circuits", world.Found >= 0.95 * world.Met, $"{world.Found} of {world.Met}");
            }
        }
        foreach (var silent in new[] { true, false })
        {
            var world = new Drill(new SeededRandom(settings.Seed), settings.Nodes ?? 1000, 0.3, silent) { HasOneGuard = true };
            world.Run(settings.Long ? 60_000 : 30_000);
            report.Row(("droppers", $"30 %, {(silent ? "fall silent" : "do not pass on")}, behind one guard"), ("with 50 circuits, or found", world.Met), ("found within 50", world.Found),
                ("circuits until found, median", world.Needed.Median), ("p95", world.Needed.P95), ("honest blocked", world.HonestBlocked));
            (blocked, honest) = (blocked + world.HonestBlocked, honest + world.Honest);
        }
        foreach (var served in new[] { 0, 200 })
        {
            var random = new SeededRandom(settings.Seed);
            var needed = new Sample();
            var soon = 0;
            for (var i = 0; i < Guards; i++)
            {
                var after = new GuardDrill(random, served).FoundAfter();
                needed.Add(after);
                soon += after <= Within ? 1 : 0;
            }
            report.Row(("droppers", $"a guard, 30 % after {served} good circuits, does not pass on"), ("with 50 circuits, or found", Guards), ("found within 50", soon),
                ("circuits until found, median", needed.Median), ("p95", needed.P95), ("honest blocked", 0));
            report.Require($"a guard that drops 30 % after {served} good circuits: 9 in 10 are found within 50 circuits", soon >= 0.9 * Guards, $"{soon} of {Guards}");
        }
        report.Fact("found within 50", found / met);
        report.Fact("honest blocked", blocked / honest);
        report.Require("honest relays blocked: less than 0.1 %", blocked / honest < 0.001, $"{blocked} of {honest}");
    }

    sealed class Drill(SeededRandom random, int relays, double rate, bool silent)
    {
        readonly ReputationBook _book = new();
        readonly int[] _circuits = new int[relays], _foundAfter = new int[relays];
        readonly bool[] _isBlocked = new bool[relays];
        Instant _now = Instant.FromUnixSeconds(1_800_000_000);

        /// <summary>One honest relay enters every circuit, so that who falls silent right behind it has always the same neighbour.</summary>
        public bool HasOneGuard { get; init; }

        public Sample Needed { get; } = new();

        public int Met { get; private set; }

        public int Found { get; private set; }

        public int HonestBlocked { get; private set; }

        public int Honest => relays - relays / 10;

        public void Run(int circuits)
        {
            for (var i = 0; i < circuits; i++)
                Circuit();
            for (var i = 0; i < relays / 10; i++)
            {
                if (_foundAfter[i] > 0)
                    Needed.Add(_foundAfter[i]);
                Met += _circuits[i] >= Within || _foundAfter[i] > 0 ? 1 : 0;
                Found += _foundAfter[i] is > 0 and <= Within ? 1 : 0;
            }
            HonestBlocked = _isBlocked.Skip(relays / 10).Count(blocked => blocked);
        }

        void Circuit()
        {
            var hops = new int[3];
            for (var i = 0; i < 3; i++)
                do
                    hops[i] = HasOneGuard && i == 0 && !_isBlocked[^1] ? relays - 1 : random.NextInt(relays);
                while (_isBlocked[hops[i]] || hops.AsSpan(0, i).Contains(hops[i]));
            _now += TimeSpan.FromMinutes(1);
            NodeId[] ids = [.. hops.Select(Id)];
            foreach (var hop in hops)
                _circuits[hop]++;
            if (random.NextDouble() < OwnOutage)
            {
                Blame.Assign(new CircuitLoss(ids, 0, NetworkWorked: false, Slept: random.NextInt(2) == 0), _book, _now);
                return;
            }
            if (FirstSilent(hops) is { } lost)
                Blame.Assign(new CircuitLoss(ids, lost, NetworkWorked: true, Slept: false), _book, _now);
            else
                foreach (var id in ids)
                    _book.Succeeded(id, _now);
            while (_book.TryTakeSuspect(out var suspect, out _))
            {
                var number = hops.First(hop => Id(hop) == suspect);
                _isBlocked[number] = true;
                _foundAfter[number] = _foundAfter[number] == 0 ? _circuits[number] : _foundAfter[number];
            }
        }

        int? FirstSilent(int[] hops)
        {
            for (var i = 0; i < 3; i++)
            {
                if (hops[i] < relays / 10 && random.NextDouble() < rate)
                    // An exit has nobody to pass on to but the destination: it falls silent itself.
                    return silent || i == 2 ? i : i + 1;
                if (random.NextDouble() < HonestFailure)
                    return i;
            }
            return null;
        }

    }

    /// <summary>All relays behind the guard are honest.</summary>
    sealed class GuardDrill(SeededRandom random, int served)
    {
        const int Relays = 500, Longest = 1000;
        const double Rate = 0.3;

        readonly ReputationBook _book = new();

        /// <summary>Circuits since it turned bad.</summary>
        public int FoundAfter()
        {
            var now = Instant.FromUnixSeconds(1_800_000_000);
            var guard = Id(0);
            for (var i = 1 - served; i <= Longest; i++)
            {
                now += TimeSpan.FromMinutes(1);
                var middle = 1 + random.NextInt(Relays);
                NodeId[] hops = [guard, Id(middle), Id(1 + (middle + random.NextInt(Relays - 1)) % Relays)];
                int? silent = i > 0 && random.NextDouble() < Rate ? 1 : null;
                for (var hop = 0; hop < 3 && silent is null; hop++)
                    silent = random.NextDouble() < HonestFailure ? hop : null;
                if (silent is { } at)
                    Blame.Assign(new CircuitLoss(hops, at, NetworkWorked: true, Slept: false), _book, now);
                else
                    foreach (var id in hops)
                        _book.Succeeded(id, now);
                while (_book.TryTakeSuspect(out var suspect, out _))
                    if (i > 0 && suspect == guard)
                        return i;
            }
            return Longest;
        }
    }

    static NodeId Id(int number)
    {
        var bytes = new byte[NodeId.Size];
        (bytes[0], bytes[1]) = ((byte)(number >> 8), (byte)number);
        return new NodeId(bytes);
    }
}
