using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.Peers;
using Macro.WireGuard;

namespace Macro.Engine;

/// <summary>What became of a question to a relay.</summary>
/// <param name="Number">What <see cref="DirectoryLinks.Ask"/> returned.</param>
/// <param name="Reached">The relay answered the handshake under its key.</param>
/// <param name="Body">Its answer (docs/protocol/directory.md); empty when none came, or a refusal.</param>
/// <param name="RoundTrip">What the handshake took, with the first answer of a straight link; null else.</param>
readonly record struct LinkAnswer(int Number, bool Reached, ReadOnlyMemory<byte> Body, TimeSpan? RoundTrip = null);

static class LinkMeasurements
{
    /// <summary>A straight link's handshake tells how far its relay is.</summary>
    public static void Observe(this Vivaldi position, SignedDescriptor relay, in LinkAnswer answer)
    {
        if (answer.RoundTrip is { } roundTrip)
            position.Observe(relay.Id, relay.Descriptor.Coordinates, roundTrip);
    }
}

/// <summary>
/// Questions to relays about the directory, each over a short-lived circuit that is kept for the next question for a
/// while: of one hop, or of two when there is somebody to go through. A state machine of one owner thread.
/// </summary>
sealed class DirectoryLinks(IndexTable indices, Outbox outbox, IRandom random)
{
    /// <summary>Links that stand at a time.</summary>
    public const int Most = 32;

    static readonly TimeSpan s_idle = TimeSpan.FromSeconds(10);

    readonly Dictionary<(string Name, Endpoint Endpoint, PublicKey Key, string? Via), DirectoryLink> _links = [];
    readonly Queue<LinkAnswer> _answers = new();
    int _last;

    public int Count => _links.Count;

    public Instant NextTimeout
    {
        get
        {
            var next = Instant.Never;
            foreach (var link in _links.Values)
                next = Instant.Min(next, Instant.Min(link.NextTimeout, link.IsBusy ? Instant.Never : link.UsedAt + s_idle));
            return next;
        }
    }

    /// <summary>Asks a relay; <see cref="TryTakeAnswer"/> has what became of it, sooner or later and always.</summary>
    /// <param name="via">The hop before it; null: straight.</param>
    public int Ask(HopTarget relay, HopTarget? via, ReadOnlyMemory<byte> question, Instant now)
    {
        var number = ++_last;
        var key = (relay.Name, relay.Endpoint, relay.RelayKey, via?.Name);
        if (!_links.TryGetValue(key, out var link))
        {
            if (_links.Count >= Most && !TryCloseIdlest(now))
            {
                _answers.Enqueue(new LinkAnswer(number, false, default));
                return number;
            }
            HopTarget[] path = via is null ? [relay] : [via, relay];
            var circuit = new Circuit(path, indices, outbox, random, now) { Goal = CircuitGoal.Directory };
            _links[key] = link = new DirectoryLink(circuit, _answers);
            circuit.Start(now);
        }
        link.Ask(number, question, now);
        return number;
    }

    public bool TryTakeAnswer(out LinkAnswer answer) => _answers.TryDequeue(out answer);

    /// <summary>Looks at what the last input did to the links.</summary>
    public void Observe(Instant now)
    {
        foreach (var (key, link) in _links)
            if (!link.Observe(now))
                _links.Remove(key);
    }

    public void HandleTimeout(Instant now)
    {
        foreach (var (key, link) in _links)
        {
            link.HandleTimeout(now);
            if (link.IsBusy || link.UsedAt + s_idle > now)
                continue;
            link.Close(now);
            _links.Remove(key);
        }
        Observe(now);
    }

    /// <summary>Whoever waits for an answer is told that there is none.</summary>
    public void CloseAll(Instant now)
    {
        foreach (var link in _links.Values)
            link.Close(now);
        _links.Clear();
    }

    bool TryCloseIdlest(Instant now)
    {
        var idle = _links.Where(l => !l.Value.IsBusy).OrderBy(l => l.Value.UsedAt).FirstOrDefault();
        if (idle.Value is null)
            return false;
        idle.Value.Close(now);
        return _links.Remove(idle.Key);
    }
}
