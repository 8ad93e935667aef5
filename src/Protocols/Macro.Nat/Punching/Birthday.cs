using Macro.Core;

namespace Macro.Nat;

/// <summary>
/// One side draws its ports at random for every destination, the other lets in only whom it wrote to: the first opens many
/// flows, the other writes to many ports of the first's address, and after as many as here they most likely have met
/// (the birthday paradox). With 256 flows among 64 512 ports, 1024 different probes meet one with 98.3 %, and 2048 with
/// 99.98 %: the second half is there because one failure in sixty is too many.
/// </summary>
sealed class Birthday
{
    public const int Flows = 256, MaxProbes = 2048;

    const int FlowsPerRound = 64, ProbesPerRound = 40;
    public const int RoundsOfProbes = MaxProbes / ProbesPerRound;

    const int FirstPort = 1024, Ports = 65536 - FirstPort;

    /// <summary>Rounds until every flow is opened again: a datagram may have been lost on its way to the NAT.</summary>
    const int RoundsBetweenPasses = 20;

    readonly ushort _start, _step;
    int _probes, _flow, _pause;

    public Birthday(IRandom random)
    {
        // All ports once, in an order that looks drawn: an odd step that shares no factor with 64512 = 2^10 * 3^2 * 7.
        _start = (ushort)random.NextInt(Ports);
        do
            _step = (ushort)(1 + 2 * random.NextInt(Ports / 2));
        while (_step % 3 == 0 || _step % 7 == 0);
    }

    /// <summary>Of the side whose ports are kept: it has sent all that it may.</summary>
    public bool IsSpent => _probes >= MaxProbes;

    /// <summary>The next port to probe in this round; false when the round, or the whole, is used up.</summary>
    public bool TryTakePort(ref int taken, out ushort port)
    {
        port = 0;
        if (taken >= ProbesPerRound || IsSpent)
            return false;
        taken++;
        port = (ushort)(FirstPort + (_start + (long)_probes++ * _step) % Ports);
        return true;
    }

    /// <summary>The next socket to open a flow by in this round.</summary>
    public bool TryTakeFlow(ref int taken, out int socket)
    {
        socket = 0;
        if (taken == 0 && _pause > 0)
        {
            _pause--;
            return false;
        }
        if (taken >= FlowsPerRound || (_flow == 0 && taken > 0))
            return false;
        taken++;
        socket = _flow;
        _flow = (_flow + 1) % Flows;
        if (_flow == 0)
            _pause = RoundsBetweenPasses;
        return true;
    }
}
