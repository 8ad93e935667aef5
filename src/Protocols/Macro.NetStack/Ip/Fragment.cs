using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>What all fragments of one packet share (RFC 791 3.2; RFC 8200 4.5, where the protocol does not count).</summary>
readonly record struct FragmentKey(IpAddress Source, IpAddress Destination, uint Identification, IpProtocol Protocol);

/// <summary>A fragment of either family as values over the caller's buffer.</summary>
readonly ref struct Fragment
{
    Fragment(FragmentKey key, IpProtocol protocol, byte trafficClass, byte timeToLive, int offset, bool more, ReadOnlySpan<byte> data)
    {
        Key = key;
        Protocol = protocol;
        TrafficClass = trafficClass;
        TimeToLive = timeToLive;
        Offset = offset;
        More = more;
        Data = data;
    }

    public FragmentKey Key { get; }

    /// <summary>What the data of the first fragment begins with.</summary>
    public IpProtocol Protocol { get; }

    public byte TrafficClass { get; }

    public byte TimeToLive { get; }

    /// <summary>Bytes.</summary>
    public int Offset { get; }

    public int End => Offset + Data.Length;

    public bool More { get; }

    public ReadOnlySpan<byte> Data { get; }

    /// <summary>False for what is no fragment, and for one that cannot be part of a packet: empty, not aligned, or past the largest packet.</summary>
    public static bool TryParse(ReadOnlySpan<byte> packet, out Fragment fragment)
    {
        fragment = default;
        int header;
        if (Ipv4View.TryParse(packet, out var v4))
        {
            header = Ipv4View.SmallestHeader;
            var key = new FragmentKey(v4.Source, v4.Destination, v4.Identification, v4.Protocol);
            fragment = new Fragment(key, v4.Protocol, v4.TrafficClass, v4.TimeToLive, v4.FragmentOffset, v4.MoreFragments, v4.Payload);
        }
        else if (Ipv6View.TryParse(packet, out var v6) && v6.IsFragment)
        {
            header = 0;
            var key = new FragmentKey(v6.Source, v6.Destination, v6.FragmentIdentification, IpProtocol.Fragment);
            fragment = new Fragment(key, v6.FragmentProtocol, v6.TrafficClass, v6.HopLimit, v6.FragmentOffset, v6.MoreFragments, v6.FragmentedPart);
        }
        else
            return false;
        return fragment.Data.Length > 0 && (!fragment.More || fragment.Data.Length % 8 == 0) && header + fragment.End <= ushort.MaxValue;
    }
}
