using Macro.Core;
using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// What a relay knows of early data: the sessions behind whose initiation some may come, and those behind which it came lately. It can be read once for
/// each initiation: one that is older than ten seconds is not taken, and younger ones are remembered
/// (compare RFC 8446 8.2 and 8.3). What was lost with a restart is not needed, for initiations that were made before it are not taken, either.
/// </summary>
sealed class EarlyData
{
    public const int MostRemembered = 16_384;

    /// <summary>Between the clocks of both sides, and the time that the initiation takes.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    /// <summary>As long as any initiation is fresh, and then as long as its session waits for what comes behind it.</summary>
    static readonly TimeSpan s_remembered = 2 * Window + Relay.Unproven;

    readonly Dictionary<uint, Inbound> _expected = [];
    readonly HashSet<PublicKey> _seen = [];
    readonly Queue<(Instant Until, PublicKey Client)> _forget = new();
    Instant? _since;

    /// <summary>From now on it is remembered.</summary>
    public void Begin(Instant now) => _since ??= now;

    public bool IsFresh(ReceivedInitiation initiation, Instant now) =>
        _since is { } since && initiation.Made > since + Window && initiation.Made >= now - Window && initiation.Made <= now + Window;

    /// <summary>The initiation was answered.</summary>
    public void Expect(Inbound inbound, EarlyKey key)
    {
        Forget(inbound);
        if (_expected.TryAdd(key.Index, inbound))
            inbound.Early = key;
        else
            key.Dispose();
    }

    /// <summary>Whose it seems to be; null: nobody's.</summary>
    public Inbound? Find(uint index) => _expected.GetValueOrDefault(index);

    /// <summary>Whether what comes behind the initiation of this client comes for the first time. To be asked once.</summary>
    public bool IsFirst(PublicKey client, Instant now)
    {
        while (_forget.TryPeek(out var oldest) && oldest.Until <= now)
            _seen.Remove(_forget.Dequeue().Client);
        if (_seen.Count >= MostRemembered || !_seen.Add(client))
            return false;
        _forget.Enqueue((now + s_remembered, client));
        return true;
    }

    /// <summary>The session is confirmed, or over: nothing early comes any more.</summary>
    public void Forget(Inbound inbound)
    {
        if (inbound.Early is not { } key)
            return;
        inbound.Early = null;
        _expected.Remove(key.Index);
        key.Dispose();
    }
}
