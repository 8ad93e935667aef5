using Macro.Core;

namespace Macro.Circuits;

/// <summary>Packets of one batch for one end.</summary>
public readonly record struct Delivery(ICircuitEnd End, PacketBatch Packets);

/// <summary>
/// Sorts packets by the end of the circuit that they came by. A client has few ends and most batches are for one of them:
/// the last one is looked at first. Lists of slots are made when first needed and used again.
/// </summary>
/// <param name="make">A batch for one end.</param>
sealed class Deliveries(Func<PacketBatch> make)
{
    Delivery[] _made = new Delivery[4];
    ICircuitEnd? _last;
    PacketBatch? _lastPackets;
    int _count;

    public ReadOnlySpan<Delivery> Made => _made.AsSpan(0, _count);

    public PacketBatch To(ICircuitEnd end)
    {
        if (!ReferenceEquals(end, _last))
            (_last, _lastPackets) = (end, Find(end));
        return _lastPackets!;
    }

    public void Clear()
    {
        // An end that was closed must not live on here; its list of slots does.
        for (var i = 0; i < _count; i++)
            _made[i] = _made[i] with { End = null! };
        (_count, _last, _lastPackets) = (0, null, null);
    }

    PacketBatch Find(ICircuitEnd end)
    {
        foreach (ref readonly var made in _made.AsSpan(0, _count))
            if (ReferenceEquals(made.End, end))
                return made.Packets;
        if (_count == _made.Length)
            Array.Resize(ref _made, 2 * _count);
        var packets = _made[_count].Packets ?? make();
        packets.Clear();
        _made[_count++] = new Delivery(end, packets);
        return packets;
    }
}
