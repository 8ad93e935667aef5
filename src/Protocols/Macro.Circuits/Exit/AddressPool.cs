using System.Diagnostics.CodeAnalysis;
using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// The addresses that an exit hands out, one pair per exit session, and the way back from an address to its session.
/// Taking and returning belong to the owner's thread; <see cref="Find"/> may be called by any thread at any time and
/// locks nothing. A returned pair that was used rests for the quarantine before it is used again, so that late answers meant for one
/// client never reach another.
/// </summary>
/// <typeparam name="TSession">What the pump threads want to find: the exit session.</typeparam>
public sealed class AddressPool<TSession> where TSession : class
{
    public static readonly Prefix DefaultV4 = Prefix.Parse("100.65.0.0/16");
    public static readonly Prefix DefaultV6 = Prefix.Parse("fd6d:6163:726f:65::/64");
    public static readonly TimeSpan DefaultQuarantine = TimeSpan.FromMinutes(5);

    /// <summary>The first two numbers stay free: the network's own, and the exit's end of the link.</summary>
    const int FirstNumber = 2;

    const int MostNumbers = 1 << 16;

    readonly Prefix _v4, _v6;
    readonly TimeSpan _quarantine;
    readonly TSession?[] _sessions;
    readonly Queue<(int Number, Instant Until)> _resting = new();
    readonly Stack<int> _unused = new();
    int _fresh = FirstNumber;

    /// <param name="v4">/29 or shorter; of a prefix shorter than /16 the first 65536 addresses are used. Null: 100.65.0.0/16.</param>
    /// <param name="v6">/112 or shorter. Null: fd6d:6163:726f:65::/64.</param>
    /// <param name="quarantine">From returning a pair to its next use; null: 5 minutes.</param>
    public AddressPool(Prefix? v4 = null, Prefix? v6 = null, TimeSpan? quarantine = null)
    {
        _v4 = v4 ?? DefaultV4;
        _v6 = v6 ?? DefaultV6;
        _quarantine = quarantine ?? DefaultQuarantine;
        if (!_v4.IsV4 || _v4.Length > 29)
            throw new ArgumentException("An IPv4 prefix of at most 29 bits.", nameof(v4));
        if (_v6.IsV4 || _v6.Length > 112)
            throw new ArgumentException("An IPv6 prefix of at most 112 bits.", nameof(v6));
        ArgumentOutOfRangeException.ThrowIfLessThan(_quarantine, TimeSpan.Zero, nameof(quarantine));
        // The last address of the IPv4 prefix is its broadcast address.
        var size = _v4.Length < 16 ? MostNumbers : 1 << (32 - _v4.Length);
        _sessions = new TSession?[size - 1];
    }

    /// <summary>Pairs there are in all.</summary>
    public int Capacity => _sessions.Length - FirstNumber;

    /// <summary>Pairs in use.</summary>
    public int Count { get; private set; }

    /// <summary>The exit's end of the link to its clients, never handed out: the first address of each prefix.</summary>
    public AddressPair Gateway => Pair(1);

    /// <summary>Gives the session a pair of its own. False when all are in use or resting: refuse the session as overloaded.</summary>
    public bool TryTake(TSession session, Instant now, out AddressPair pair)
    {
        ArgumentNullException.ThrowIfNull(session);
        var taken = default(AddressPair);
        var ok = TryTake(chosen =>
        {
            taken = chosen;
            return session;
        }, now, out _);
        pair = taken;
        return ok;
    }

    /// <summary>As above, for a session that is made from its pair.</summary>
    public bool TryTake(Func<AddressPair, TSession> make, Instant now, [NotNullWhen(true)] out TSession? session)
    {
        ArgumentNullException.ThrowIfNull(make);
        session = null;
        if (!TryTakeNumber(now, out var number))
            return false;
        session = make(Pair(number));
        Volatile.Write(ref _sessions[number], session);
        Count++;
        return true;
    }

    /// <summary>Takes a pair back; from now on nobody finds the session by it. False when it is not in use.</summary>
    public bool Return(AddressPair pair, bool wasUsed, Instant now)
    {
        if (!TryNumber(pair.V4, out var number) || Pair(number) != pair || _sessions[number] is null)
            return false;
        Volatile.Write(ref _sessions[number], null);
        if (wasUsed)
            _resting.Enqueue((number, now + _quarantine));
        else
            _unused.Push(number);
        Count--;
        return true;
    }

    /// <summary>The session that has this address, of either family; null when nobody has. Any thread.</summary>
    public TSession? Find(IpAddress address) => TryNumber(address, out var number) ? Volatile.Read(ref _sessions[number]) : null;

    /// <summary>One that was returned unused is as good as a fresh one.</summary>
    bool TryTakeNumber(Instant now, out int number)
    {
        if (_unused.TryPop(out number))
            return true;
        if (_fresh < _sessions.Length)
            number = _fresh++;
        else if (_resting.TryPeek(out var rested) && rested.Until <= now)
            number = _resting.Dequeue().Number;
        return number != 0;
    }

    AddressPair Pair(int number) => new(new IpAddress(_v4.Address.Bits + (uint)number), new IpAddress(_v6.Address.Bits + (uint)number));

    bool TryNumber(IpAddress address, out int number)
    {
        var offset = address.Bits - (address.IsV4 ? _v4 : _v6).Address.Bits;
        number = offset < (uint)_sessions.Length ? (int)offset : 0;
        return offset < (uint)_sessions.Length;
    }
}
