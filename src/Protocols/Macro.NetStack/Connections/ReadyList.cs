using System.Diagnostics.CodeAnalysis;

namespace Macro.NetStack;

/// <summary>Connections that the shell is to look at, each once, first come first served.</summary>
sealed class ReadyList
{
    HeldConnection? _first, _last;

    public void Add(HeldConnection held)
    {
        if (held.IsReady)
            return;
        held.IsReady = true;
        if (_last is null)
            _first = held;
        else
            _last.NextReady = held;
        _last = held;
    }

    public bool TryTake([NotNullWhen(true)] out TcpConnection? connection)
    {
        connection = null;
        if (_first is not { } held)
            return false;
        connection = held.Connection;
        _first = held.NextReady;
        if (_first is null)
            _last = null;
        (held.NextReady, held.IsReady) = (null, false);
        return true;
    }
}
