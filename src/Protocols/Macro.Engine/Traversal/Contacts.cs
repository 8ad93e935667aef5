using Macro.Core;

namespace Macro.Engine;

/// <summary>
/// Whom this node has sent to lately: from there a NAT or a firewall lets in what it would let in from nobody else, so that
/// only who is not among them can prove that strangers get through. Bounded; when there are too many to remember, nobody is
/// a stranger for a while. An owner thread's.
/// </summary>
public sealed class Contacts
{
    /// <summary>NATs and firewalls have forgotten a silent flow by then (RFC 4787 REQ-5 asks for two minutes, five are found).</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromMinutes(10);

    const int Most = 1 << 14;

    readonly Dictionary<IpAddress, Instant> _sent = [];
    Instant _blindUntil = new(long.MinValue / 2);

    /// <summary>These datagrams leave now.</summary>
    public void Note(PacketBatch sent, Instant now)
    {
        ArgumentNullException.ThrowIfNull(sent);
        for (var i = 0; i < sent.Count; i++)
            Note(sent[i].Remote.Address, now);
    }

    public void Note(IpAddress address, Instant now)
    {
        if (_sent.Count == Most && !_sent.ContainsKey(address))
            Forget(now);
        _sent[address] = now;
    }

    /// <summary>Nothing has been sent there for <see cref="Memory"/>.</summary>
    public bool IsStranger(IpAddress address, Instant now) =>
        now >= _blindUntil && !(_sent.TryGetValue(address, out var at) && now - at < Memory);

    void Forget(Instant now)
    {
        foreach (var (address, at) in _sent)
            if (now - at >= Memory)
                _sent.Remove(address);
        if (_sent.Count < Most / 2)
            return;
        _sent.Clear();
        _blindUntil = now + Memory;
    }
}
