using System.Buffers.Binary;
using Macro.Core;

namespace Macro.Peers.Tests;

/// <summary>Many relays of the public network, each from its number.</summary>
static class Relays
{
    public static SignedDescriptor Numbered(int number, Instant? at = null, Descriptor? like = null)
    {
        using var identity = Identity(number);
        var when = at ?? Example.Now;
        return SignedDescriptor.Sign(identity, NetworkKey.Public, (like ?? Example.Relay) with { Epoch = Epoch.At(when), NotBefore = when }, when);
    }

    public static SignedDescriptor[] Many(int count, int from = 0) => [.. Enumerable.Range(from, count).Select(i => Numbered(i))];

    public static RelayDirectory Directory(IEnumerable<SignedDescriptor> relays, Instant? now = null)
    {
        var directory = new RelayDirectory(NetworkKey.Public);
        foreach (var relay in relays)
            directory.Offer(relay, now ?? Example.Now);
        return directory;
    }

    public static NodeIdentity Identity(int number)
    {
        var seed = new byte[32];
        BinaryPrimitives.WriteInt32LittleEndian(seed, number);
        seed[31] = 1;
        return new NodeIdentity(seed);
    }
}
