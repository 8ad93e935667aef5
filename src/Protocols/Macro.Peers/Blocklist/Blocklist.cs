using System.Globalization;
using System.Text;
using Macro.Core;

namespace Macro.Peers;

/// <summary>A relay that is blocked for an offence, until then.</summary>
public readonly record struct Conviction(NodeId Id, Offence Offence, int Strikes, Instant Until);

/// <summary>
/// Relays that take part in no circuit of this client: by rules of the user's, which stay until he takes them back, and for offences,
/// for an hour first and four times as long with each further one, up to 30 days. Every 30 days without one take a strike
/// away again. Not thread-safe.
/// </summary>
public sealed class Blocklist
{
    public const int MostRules = 1024, MostConvictions = 4096;

    const string Magic = "macro-blocklist 1";
    const int SecondsPerDay = 86400;

    static readonly TimeSpan s_first = TimeSpan.FromHours(1), s_longest = TimeSpan.FromDays(30), s_forgive = TimeSpan.FromDays(30);

    readonly List<BlockRule> _rules = [];
    readonly Dictionary<NodeId, Conviction> _convictions = [];

    /// <summary>Goes up whenever <see cref="Write"/> would give another text, and whenever other relays are blocked.</summary>
    public long Changes { get; private set; }

    /// <summary>In the order in which they were made.</summary>
    public IReadOnlyList<BlockRule> Rules => _rules;

    /// <summary>Those that count now.</summary>
    public IReadOnlyList<Conviction> Convictions(Instant now) => [.. _convictions.Values.Where(one => one.Until > now).OrderBy(one => one.Id)];

    /// <summary>False when the rule is there already, or there are as many as may be.</summary>
    public bool Block(BlockRule rule)
    {
        if (_rules.Contains(rule) || _rules.Count >= MostRules)
            return false;
        _rules.Add(rule);
        Changes++;
        return true;
    }

    /// <summary>Takes a rule back; that of a node id also forgives its offences. False when there is neither.</summary>
    public bool Unblock(BlockRule rule)
    {
        var found = _rules.Remove(rule);
        foreach (var id in _convictions.Keys)
            if (BlockRule.Of(id) == rule)
                found |= _convictions.Remove(id);
        if (found)
            Changes++;
        return found;
    }

    public void Convict(NodeId id, Offence offence, Instant now)
    {
        var strikes = (_convictions.TryGetValue(id, out var before) ? StrikesLeft(before, now) : 0) + 1;
        var pause = s_first * (1L << Math.Min(2 * (strikes - 1), 20));
        if (_convictions.Count >= MostConvictions && !_convictions.ContainsKey(id))
            _convictions.Remove(_convictions.Values.MinBy(one => one.Until.Ticks).Id);
        _convictions[id] = new Conviction(id, offence, strikes, now + (pause < s_longest ? pause : s_longest));
        Changes++;
    }

    public bool IsBlocked(BlockSubject relay, Instant now)
    {
        if (_convictions.TryGetValue(relay.Id, out var conviction) && conviction.Until > now)
            return true;
        return IsRuledOut(relay);
    }

    /// <summary>A rule of the user's blocks it: it is never used.</summary>
    public bool IsRuledOut(BlockSubject relay)
    {
        foreach (var rule in _rules)
            if (rule.Matches(relay))
                return true;
        return false;
    }

    /// <summary>When the next conviction ends: then more relays may be used.</summary>
    public Instant NextTimeout(Instant now)
    {
        var next = Instant.Never;
        foreach (var conviction in _convictions.Values)
            if (conviction.Until > now)
                next = Instant.Min(next, conviction.Until);
        return next;
    }

    /// <summary>Rules, and convictions with the day on which each ends: nothing of when or for what relays were used.</summary>
    public string Write(Instant now)
    {
        var text = new StringBuilder(Magic).Append('\n');
        foreach (var rule in _rules)
            text.Append(CultureInfo.InvariantCulture, $"rule {rule}\n");
        foreach (var one in _convictions.Values.Where(one => StrikesLeft(one, now) > 0).OrderBy(one => one.Id))
            text.Append(CultureInfo.InvariantCulture, $"{one.Offence} {one.Id} {one.Strikes} {LastDay(one)}\n");
        return text.ToString();
    }

    /// <summary>Takes in what <see cref="Write"/> gave. False, and nothing taken, when it is anything else.</summary>
    public bool TryRead(ReadOnlySpan<char> text, Instant now)
    {
        var rules = new List<BlockRule>();
        var convictions = new Dictionary<NodeId, Conviction>();
        var first = true;
        foreach (var line in text.EnumerateLines())
        {
            if (first && !line.SequenceEqual(Magic))
                return false;
            if (!first && !line.IsEmpty && !TryReadLine(line.ToString().Split(' '), rules, convictions, now))
                return false;
            first = false;
        }
        if (first)
            return false;
        _rules.Clear();
        _rules.AddRange(rules);
        _convictions.Clear();
        foreach (var (id, conviction) in convictions)
            _convictions.Add(id, conviction);
        Changes++;
        return true;
    }

    static bool TryReadLine(string[] words, List<BlockRule> rules, Dictionary<NodeId, Conviction> convictions, Instant now)
    {
        if (words is ["rule", var text])
        {
            if (rules.Count == MostRules || !BlockRule.TryParse(text, out var rule))
                return false;
            rules.Add(rule);
            return true;
        }
        if (words.Length != 4 || convictions.Count == MostConvictions
            || !Enum.TryParse<Offence>(words[0], out var offence) || !Enum.IsDefined(offence) || !NodeId.TryParse(words[1], out var id)
            || !int.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out var strikes) || strikes is < 1 or > 100
            || !int.TryParse(words[3], NumberStyles.None, CultureInfo.InvariantCulture, out var day))
            return false;
        var until = Instant.FromUnixSeconds((long)day * SecondsPerDay);
        return convictions.TryAdd(id, new Conviction(id, offence, strikes, Instant.Min(until, now + s_longest)));
    }

    /// <summary>Rounded up, so that what is written tells no hour.</summary>
    static long LastDay(Conviction one) => (one.Until.UnixSeconds + SecondsPerDay - 1) / SecondsPerDay;

    static int StrikesLeft(Conviction one, Instant now) => Math.Max(0, one.Strikes - (int)(Math.Max(0, (now - one.Until) / s_forgive)));
}
