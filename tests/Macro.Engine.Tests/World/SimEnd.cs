using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine.Tests;

/// <summary>The end of a circuit in a simulated node: it keeps what comes out.</summary>
sealed class SimEnd(IPlaneOwner owner) : ICircuitEnd
{
    public ClientPlane Plane { get; } = new(owner, 16);

    /// <summary>IP packets that came out of the circuit.</summary>
    public List<byte[]> Inbox { get; } = [];

    /// <summary>Takes what comes out, instead of <see cref="Inbox"/>.</summary>
    public Action<byte[]>? Received { get; set; }

    public bool IsClosed { get; private set; }

    public bool IsInUse { get; set; }

    public Circuit? Circuit
    {
        get => Plane.Circuit;
        set => Plane.Circuit = value;
    }

    public void Write(PacketBatch packets)
    {
        for (var i = 0; i < packets.Count; i++)
        {
            if (Received is { } received)
                received(packets.Bytes(i).ToArray());
            else
                Inbox.Add(packets.Bytes(i).ToArray());
        }
    }

    public void Close()
    {
        Assert.False(IsClosed);
        IsClosed = true;
    }
}
