using Macro.Core;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>The port of a UDP association in one circuit: one of each family, bound when it is first used.</summary>
sealed class AssociatedPort(UdpAssociation association, HostedStack stack) : IUdpHandler, IStackMember
{
    Endpoint _localV4;
    Endpoint _localV6;

    internal HostedStack Stack => stack;

    /// <summary>False: it does not leave, and never will.</summary>
    internal bool TrySend(Endpoint remote, ReadOnlySpan<byte> payload)
    {
        if (stack.IsClosed || !TryGetLocal(remote.Address.IsV4, out var local))
            return false;
        _ = stack.Stack.TrySend(local, remote, payload);
        return true;
    }

    internal void Close()
    {
        stack.Leave(this);
        if (!_localV4.IsNone)
            stack.Stack.Unbind(_localV4);
        if (!_localV6.IsNone)
            stack.Stack.Unbind(_localV6);
        (_localV4, _localV6) = (default, default);
    }

    IcmpReason IUdpHandler.Receive(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload, Instant now)
    {
        association.Receive(remote, payload);
        return IcmpReason.None;
    }

    /// <summary>SOCKS has no words for it; the application's own time-outs must do.</summary>
    void IUdpHandler.HandleError(Endpoint local, Endpoint remote, IcmpError error) { }

    void IStackMember.HandleStackClosed() => association.Lose(this);

    bool TryGetLocal(bool v4, out Endpoint local)
    {
        ref var bound = ref v4 ? ref _localV4 : ref _localV6;
        if (bound.IsNone && stack.Stack.TryBind(v4, this, out var port))
            bound = port;
        local = bound;
        return !bound.IsNone;
    }
}
