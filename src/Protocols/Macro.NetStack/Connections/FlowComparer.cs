using System.Runtime.CompilerServices;
using Macro.Core;

namespace Macro.NetStack;

/// <summary>Hashes flows with a secret, so that nobody outside can choose ports that all fall into one bucket.</summary>
sealed class FlowComparer(IRandom random) : IEqualityComparer<FlowKey>
{
    readonly ulong _a = random.NextUInt64(), _b = random.NextUInt64(), _c = random.NextUInt64();

    public bool Equals(FlowKey x, FlowKey y) =>
        x.Local.Port == y.Local.Port && x.Remote.Port == y.Remote.Port && x.Remote.Address == y.Remote.Address && x.Local.Address == y.Local.Address;

    public int GetHashCode(FlowKey flow)
    {
        var (local, remote) = (flow.Local.Address.Bits, flow.Remote.Address.Bits);
        var hash = Mix((ulong)local ^ _a, (ulong)(local >> 64) ^ _b);
        hash = Mix((ulong)remote ^ hash, (ulong)(remote >> 64) ^ _c);
        return (int)Mix(hash ^ ((uint)flow.Local.Port << 16 | flow.Remote.Port), _a | 1);
    }

    /// <summary>Multiplies and folds the halves together, as wyhash does.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong Mix(ulong x, ulong y)
    {
        var high = Math.BigMul(x, y, out var low);
        return high ^ low;
    }
}
