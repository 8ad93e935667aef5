using Macro.Core;

namespace Macro.NetStack;

/// <summary>Incoming connections whose handshake is not over: bounded in all, and of each source.</summary>
sealed class HalfOpen(int most, int mostOfSource)
{
    readonly Dictionary<IpAddress, int> _ofSource = [];

    public AgeList List { get; } = new();

    public bool IsFull => List.Count >= most;

    /// <summary>No more of this source now: its next SYN comes when this one was not answered.</summary>
    public bool IsFullFor(IpAddress source) => _ofSource.GetValueOrDefault(source) >= mostOfSource;

    public void Add(HeldConnection held)
    {
        List.Add(held);
        var source = held.Connection.Flow.Remote.Address;
        _ofSource[source] = _ofSource.GetValueOrDefault(source) + 1;
    }

    public void Remove(HeldConnection held)
    {
        List.Remove(held);
        var source = held.Connection.Flow.Remote.Address;
        var left = _ofSource[source] - 1;
        if (left > 0)
            _ofSource[source] = left;
        else
            _ofSource.Remove(source);
    }
}
