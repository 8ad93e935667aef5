using System.Globalization;
using System.Text;
using Macro.Core;

namespace Macro.Peers;

/// <summary>
/// The few relays that may be this client's entry, for months: whoever changes entries often meets a hostile one soon. A sample of 20
/// is drawn once, in an order that stays; its first three are the primaries, and the first of them that works is in use. Each
/// stays 60 to 120 days. Failures move nobody in the order: a guard that comes back is used again, and an outage of the own
/// network costs no guard its place. Nor does a conviction: else somebody on this client's line, who gets guards convicted by cutting their sessions, would
/// walk it through guards until one of his is drawn. However often circuits are tried, at most <see cref="SparesPerDay"/> others than the
/// primaries are tried in one day. Source: Tor's guard specification, made smaller. Not thread-safe.
/// </summary>
public sealed class GuardSet(IRandom random)
{
    public const int SampleSize = 20, Primaries = 3, SparesPerDay = 4;

    /// <summary>Primaries; more than three only where a circuit is to have more paths than that.</summary>
    public int MostPrimaries { get; set; } = Primaries;

    /// <summary>Also counts those that the directory does not list at the moment.</summary>
    public const int MostKept = 60;

    const int LeastDays = 60, MostDays = 120;
    const int RoundsBeforeSpares = 2;
    const string Magic = "macro-guards 1";

    static readonly TimeSpan s_firstRetry = TimeSpan.FromSeconds(10), s_lastRetry = TimeSpan.FromHours(1);
    static readonly TimeSpan s_firstRetryInDoubt = TimeSpan.FromSeconds(5), s_lastRetryInDoubt = TimeSpan.FromSeconds(30);

    readonly List<Guard> _guards = [];

    sealed class Guard(NodeId id, long lastDay)
    {
        public readonly NodeId Id = id;

        /// <summary>Unix day from which on it is none any more.</summary>
        public readonly long LastDay = lastDay;

        public bool Listed;

        /// <summary>Convicted of an offence: as long as that lasts it waits, and is tried when nobody else is left.</summary>
        public bool Convicted;

        /// <summary>In a row.</summary>
        public int Failures;

        public Instant RetryAt;

        /// <summary>The day on which it was tried last though it is no primary.</summary>
        public long SpareOn = -1;
    }

    /// <summary>Goes up whenever <see cref="Write"/> would give another text.</summary>
    public long Changes { get; private set; }

    /// <summary>In the order of preference.</summary>
    public IReadOnlyList<NodeId> Sample => [.. _guards.Select(guard => guard.Id)];

    /// <summary>Those of the sample that are usable relays now, at most 20 of them, are kept in step with the directory.</summary>
    /// <param name="entries">Relays that could be entries, each with its weight: the sample is filled from them at random.</param>
    /// <param name="convicted">Those of them that are blocked for an offence. They keep their places.</param>
    public void Update(IReadOnlyList<(NodeId Id, double Weight)> entries, Instant now, IReadOnlySet<NodeId>? convicted = null)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var today = Day(now);
        var changed = _guards.RemoveAll(guard => guard.LastDay <= today) > 0;
        var listed = entries.ToDictionary(entry => entry.Id, entry => entry.Weight);
        foreach (var guard in _guards)
            (guard.Listed, guard.Convicted) = (listed.Remove(guard.Id), convicted?.Contains(guard.Id) == true);
        var usable = _guards.Count(guard => guard.Listed);
        var total = listed.Values.Sum();
        for (; usable < SampleSize && _guards.Count < MostKept && listed.Count > 0; usable++)
        {
            var drawn = Draw(listed, total);
            total -= listed[drawn];
            listed.Remove(drawn);
            _guards.Add(new Guard(drawn, today + LeastDays + random.NextInt(MostDays - LeastDays + 1)) { Listed = true, Convicted = convicted?.Contains(drawn) == true });
            changed = true;
        }
        if (changed)
            Changes++;
    }

    /// <summary>Guards to try for a circuit now, the first that works is to be taken.</summary>
    /// <param name="fits">Whether a guard may stand in this circuit (its exit may rule it out).</param>
    /// <param name="late">
    /// Those that are being tried and have not answered as soon as they should: left out, and counted as if they had failed once more.
    /// </param>
    public IReadOnlyList<NodeId> Order(Func<NodeId, bool> fits, Instant now, IReadOnlyCollection<NodeId>? late = null)
    {
        ArgumentNullException.ThrowIfNull(fits);
        Guard[] usable = [.. _guards.Where(guard => guard.Listed && fits(guard.Id))];
        var primaries = usable.AsSpan(0, Math.Min(MostPrimaries, usable.Length)).ToArray();
        var order = primaries.Where(MayTry).ToList();
        if (primaries.All(guard => Failures(guard) >= RoundsBeforeSpares))
            order.AddRange(Spares(usable.Skip(MostPrimaries), Day(now), Failures).Where(MayTry));
        // Somebody must be tried, and it is nobody new.
        order.AddRange(primaries.Where(guard => !MayTry(guard)).OrderBy(guard => (guard.Convicted, guard.RetryAt.Ticks)));
        return [.. order.Where(guard => !IsLate(guard)).Select(guard => guard.Id)];

        bool IsLate(Guard guard) => late?.Contains(guard.Id) == true;

        bool MayTry(Guard guard) => guard.RetryAt <= now && !guard.Convicted;

        int Failures(Guard guard) => guard.Convicted ? RoundsBeforeSpares : guard.Failures + (IsLate(guard) ? 1 : 0);
    }

    /// <summary>A handshake with it begins: from now on it is one of those that were tried today.</summary>
    public void Begun(NodeId id, Instant now) => Tried(id, now);

    /// <summary>A handshake with it succeeded.</summary>
    public void Succeeded(NodeId id, Instant now)
    {
        if (Tried(id, now) is { } guard)
            (guard.Failures, guard.RetryAt) = (0, default);
    }

    /// <summary>It did not answer, or fell silent.</summary>
    /// <param name="networkWorked">Others were heard meanwhile: it is not the own network that failed.</param>
    public void Failed(NodeId id, bool networkWorked, Instant now)
    {
        if (Tried(id, now) is not { } guard)
            return;
        var (first, last) = networkWorked ? (s_firstRetry, s_lastRetry) : (s_firstRetryInDoubt, s_lastRetryInDoubt);
        var pause = first * (1L << Math.Min(guard.Failures, 20));
        guard.Failures++;
        guard.RetryAt = now + (pause < last ? pause : last);
    }

    /// <summary>The guards as a text to be kept: node and last day of each, nothing of when or for what they were used.</summary>
    public string Write()
    {
        var text = new StringBuilder(Magic).Append('\n');
        foreach (var guard in _guards)
            text.Append(CultureInfo.InvariantCulture, $"{guard.Id} {guard.LastDay}\n");
        return text.ToString();
    }

    /// <summary>Takes in what <see cref="Write"/> gave. False, and nothing taken, when it is anything else.</summary>
    public bool TryRead(ReadOnlySpan<char> text, Instant now)
    {
        var read = new List<Guard>();
        var line = 0;
        foreach (var words in text.EnumerateLines())
        {
            if (line++ == 0)
            {
                if (!words.SequenceEqual(Magic))
                    return false;
                continue;
            }
            if (words.IsEmpty)
                continue;
            if (words.Length <= NodeId.TextLength || words[NodeId.TextLength] != ' ' || read.Count == MostKept
                || !NodeId.TryParse(words[..NodeId.TextLength], out var id) || read.Exists(guard => guard.Id == id)
                || !long.TryParse(words[(NodeId.TextLength + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var day))
                return false;
            read.Add(new Guard(id, Math.Min(day, Day(now) + MostDays)));
        }
        if (line == 0)
            return false;
        _guards.Clear();
        _guards.AddRange(read);
        return true;
    }

    /// <summary>Those that were tried today or are convicted, and one more when they fail too and the day allows it.</summary>
    static IEnumerable<Guard> Spares(IEnumerable<Guard> spares, long today, Func<Guard, int> failures)
    {
        var all = spares.ToArray();
        var tried = all.Where(guard => guard.SpareOn == today || guard.Convicted).ToArray();
        return tried.Length < SparesPerDay && tried.All(guard => failures(guard) > 0)
            ? tried.Concat(all.Except(tried).Take(1))
            : tried;
    }

    Guard? Tried(NodeId id, Instant now)
    {
        var place = _guards.FindIndex(guard => guard.Id == id);
        if (place < 0)
            return null;
        if (_guards.Take(place).Count(guard => guard.Listed) >= MostPrimaries)
            _guards[place].SpareOn = Day(now);
        return _guards[place];
    }

    NodeId Draw(Dictionary<NodeId, double> listed, double total)
    {
        var at = random.NextDouble() * total;
        foreach (var (id, weight) in listed)
            if ((at -= weight) < 0)
                return id;
        return listed.Keys.ElementAt(random.NextInt(listed.Count));
    }

    static long Day(Instant now) => now.UnixSeconds / 86400;
}
