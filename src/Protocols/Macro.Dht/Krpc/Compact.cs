using System.Buffers.Binary;
using Macro.Core;

namespace Macro.Dht;

/// <summary>A node as others tell of it: id and endpoint.</summary>
public readonly record struct NodeInfo(Id160 Id, Endpoint Endpoint);

/// <summary>Compact forms of BEP 5 and BEP 32: an endpoint is address and port, a node is id and endpoint; network order.</summary>
static class Compact
{
    public const int EndpointV4 = 6, EndpointV6 = 18, NodeV4 = Id160.Size + EndpointV4, NodeV6 = Id160.Size + EndpointV6;

    /// <summary>Writes 6 or 18 bytes and returns how many.</summary>
    public static int Write(Endpoint endpoint, Span<byte> bytes)
    {
        var size = endpoint.Address.Size;
        endpoint.Address.Write(bytes);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[size..], endpoint.Port);
        return size + 2;
    }

    /// <param name="bytes">6 or 18 bytes; anything else is refused.</param>
    public static bool TryReadEndpoint(ReadOnlySpan<byte> bytes, out Endpoint endpoint)
    {
        endpoint = default;
        if (bytes.Length is not (EndpointV4 or EndpointV6))
            return false;
        endpoint = new Endpoint(IpAddress.Read(bytes[..^2]), BinaryPrimitives.ReadUInt16BigEndian(bytes[^2..]));
        // An IPv4 address in the long form is not what it says it is.
        return bytes.Length == (endpoint.Address.IsV4 ? EndpointV4 : EndpointV6);
    }

    /// <summary>Reads the node at <paramref name="index"/>; false behind the last.</summary>
    public static bool TryReadNode(ReadOnlySpan<byte> nodes, bool v4, int index, out NodeInfo node)
    {
        node = default;
        var size = v4 ? NodeV4 : NodeV6;
        if ((index + 1) * size > nodes.Length)
            return false;
        var bytes = nodes.Slice(index * size, size);
        // One that does not hold leaves an endpoint of none, which nobody talks to.
        TryReadEndpoint(bytes[Id160.Size..], out var endpoint);
        node = new NodeInfo(Id160.Read(bytes[..Id160.Size]), endpoint);
        return true;
    }

    public static int Write(NodeInfo node, Span<byte> bytes)
    {
        node.Id.Write(bytes);
        return Id160.Size + Write(node.Endpoint, bytes[Id160.Size..]);
    }
}
