using System.Buffers.Binary;

namespace Macro.Peers.Tests;

/// <summary>Names of nodes that nobody has the keys of.</summary>
static class Nodes
{
    public static NodeId Id(int number)
    {
        var bytes = new byte[NodeId.Size];
        BinaryPrimitives.WriteInt32BigEndian(bytes, number + 1);
        return new NodeId(bytes);
    }
}
