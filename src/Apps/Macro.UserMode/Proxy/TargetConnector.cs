using Macro.Circuits;
using Macro.Core;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>Whoever asked for a connection. Under the loop's lock, exactly once.</summary>
interface IConnectWaiter
{
    /// <param name="connection">Established, and the waiter's from now on; null when there is none.</param>
    void HandleConnected(TcpConnection? connection, ProxyFailure failure);
}

/// <summary>
/// Brings a connection to a target up: resolves its name at the exit, then tries the addresses, both families by turns, the
/// next one when the one before fails or has not answered for a quarter of a second (RFC 8305, without its sorting). The
/// first that stands wins.
/// </summary>
sealed class TargetConnector(HostedStack stack, INameResolver names, IsolationKey key, ProxyTarget target, IConnectWaiter waiter)
    : INameWaiter, IConnectionHandler, ILoopTimer
{
    /// <summary>RFC 8305 8.</summary>
    static readonly TimeSpan s_attemptDelay = TimeSpan.FromMilliseconds(250);

    /// <summary>Most addresses of a name that are tried.</summary>
    const int MostAttempts = 8;

    readonly List<IpAddress> _untried = [];
    readonly List<TcpConnection> _attempts = [];
    ProxyFailure _failure = ProxyFailure.Unreachable;
    bool _ended;

    int IDeadline.Place { get; set; }

    internal void Start()
    {
        if (target.Name is null && !IsOneHost(target.Address))
            End(null, ProxyFailure.NotAllowed);
        else if (target.Name is null)
            Begin([target.Address]);
        else if (ReservedNames.IsLocal(target.Name))
            End(null, ProxyFailure.NotAllowed);
        else if (ReservedNames.HasNoAddress(target.Name))
            End(null, ProxyFailure.NameNotFound);
        else
            names.Resolve(stack, key, target.Name, this);
    }

    /// <summary>Gives up; the waiter hears nothing more.</summary>
    internal void Cancel()
    {
        if (_ended)
            return;
        _ended = true;
        Clear(except: null);
    }

    void INameWaiter.HandleName(NameVerdict verdict, ReadOnlySpan<IpAddress> addresses)
    {
        if (_ended)
            return;
        if (verdict == NameVerdict.Found && !addresses.IsEmpty)
            Begin(addresses);
        else
            End(null, ProxyFailures.Of(verdict));
    }

    void IConnectionHandler.HandleConnection(TcpConnection connection)
    {
        if (_ended)
            return;
        if (connection.IsEstablished)
        {
            End(connection, ProxyFailure.None);
            return;
        }
        if (connection.Failure == TcpFailure.None && !connection.IsClosed)
            return;
        _attempts.Remove(connection);
        connection.Context = null;
        Remember(ProxyFailures.Of(connection.Failure));
        TryNext();
    }

    void ILoopTimer.HandleTimeout(Instant now) => TryNext();

    /// <summary>Nobody answers a connection to many, and the exit must not say so (RFC 1122 3.2.2).</summary>
    static bool IsOneHost(IpAddress address) => !address.IsMulticast && !address.IsAny && address != IpAddress.V4Broadcast;

    void Begin(ReadOnlySpan<IpAddress> addresses)
    {
        Interleave(addresses);
        TryNext();
    }

    /// <summary>Both families by turns, beginning with that of the first address.</summary>
    void Interleave(ReadOnlySpan<IpAddress> addresses)
    {
        int first = 0, second = 0;
        var v4First = addresses[0].IsV4;
        while (_untried.Count < MostAttempts && (Take(addresses, v4First, ref first) | Take(addresses, !v4First, ref second)))
        {
        }
    }

    bool Take(ReadOnlySpan<IpAddress> addresses, bool v4, ref int from)
    {
        while (from < addresses.Length)
        {
            var address = addresses[from++];
            if (address.IsV4 != v4)
                continue;
            _untried.Add(address);
            return true;
        }
        return false;
    }

    void TryNext()
    {
        while (_untried.Count > 0)
        {
            var address = _untried[0];
            _untried.RemoveAt(0);
            if (stack.Stack.Connect(new Endpoint(address, target.Port), this, stack.Loop.Now) is not { } attempt)
            {
                Remember(stack.Loop.Memory.AdmitsConnection ? ProxyFailure.Unreachable : ProxyFailure.Busy);
                continue;
            }
            _attempts.Add(attempt);
            stack.Loop.SetTimer(this, _untried.Count > 0 ? stack.Loop.Now + s_attemptDelay : Instant.Never);
            return;
        }
        if (_attempts.Count == 0)
            End(null, _failure);
    }

    /// <summary>What a server or the exit said of an address tells more than that another had no route.</summary>
    void Remember(ProxyFailure failure)
    {
        if (_failure == ProxyFailure.Unreachable)
            _failure = failure;
    }

    void End(TcpConnection? connection, ProxyFailure failure)
    {
        _ended = true;
        Clear(except: connection);
        waiter.HandleConnected(connection, failure);
    }

    void Clear(TcpConnection? except)
    {
        stack.Loop.SetTimer(this, Instant.Never);
        _untried.Clear();
        foreach (var attempt in _attempts)
        {
            if (attempt == except)
                continue;
            attempt.Context = null;
            attempt.Abort();
        }
        _attempts.Clear();
    }
}

/// <summary>Names that are never asked about in the DNS (RFC 6761, RFC 6762, RFC 7686).</summary>
static class ReservedNames
{
    /// <summary>This machine: nothing of it is reached through an exit.</summary>
    internal static bool IsLocal(string name) => Is(name, "localhost");

    /// <summary>Names of other systems, whose very question would tell too much.</summary>
    internal static bool HasNoAddress(string name) => Is(name, "onion") || Is(name, "local") || Is(name, "invalid");

    static bool Is(string name, string top) =>
        name.EndsWith(top, StringComparison.Ordinal) && (name.Length == top.Length || name[^(top.Length + 1)] == '.');
}
