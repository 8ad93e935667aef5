using Macro.Circuits;
using Macro.Core;
using Macro.Linux;
using Macro.Pump;

namespace Macro.Daemon.Pump;

/// <summary>The end of a circuit that is the client's TUN device. The device comes and goes; without it packets are dropped.</summary>
sealed class DeviceEnd(IPlaneOwner owner) : ICircuitEnd
{
    volatile TunDevice? _tun;

    /// <summary>Used by the thread that reads the device.</summary>
    public ClientPlane Plane { get; } = new(owner, PumpThread.MostPackets);

    public TunDevice? Tun { get => _tun; set => _tun = value; }

    public Circuit? Circuit { set => Plane.Circuit = value; }

    public bool IsInUse => _tun is not null;

    public void Write(PacketBatch packets) => _tun?.Write(packets);

    public void Close() => Plane.Circuit = null;
}
