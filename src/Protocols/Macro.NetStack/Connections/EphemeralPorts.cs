using Macro.Core;

namespace Macro.NetStack;

/// <summary>Ports for outgoing connections, by chance (RFC 6056 3.3.1): one may serve many connections to different ends.</summary>
sealed class EphemeralPorts(ushort first, IRandom random)
{
    const int MostDraws = 64;

    public bool TryChoose(IpAddress local, Endpoint remote, Dictionary<FlowKey, HeldConnection> taken, out FlowKey flow)
    {
        var ports = ushort.MaxValue + 1 - first;
        var port = 0;
        // Draws, then a search from the last one: only a table that is nearly full to one remote end comes that far.
        for (var i = 0; i < MostDraws + ports; i++)
        {
            port = i < MostDraws ? random.NextInt(ports) : (port + 1) % ports;
            flow = new FlowKey(new Endpoint(local, (ushort)(first + port)), remote);
            if (!taken.ContainsKey(flow))
                return true;
        }
        flow = default;
        return false;
    }
}
