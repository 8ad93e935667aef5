using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>What a destination makes of the extension headers in front of a payload (RFC 8200 4).</summary>
static class ExtensionHeaders
{
    const byte Pad1 = 0;

    /// <summary>
    /// False: there is an option that whoever does not know it must not pass over (RFC 8200 4.2), or an authentication header,
    /// which nobody here can check.
    /// </summary>
    public static bool AreUnderstood(in IpView packet)
    {
        if (packet.IsV4 || packet.PayloadOffset == Ipv6View.FixedHeader)
            return true;
        var next = (IpProtocol)packet.Bytes[6];
        for (var at = Ipv6View.FixedHeader; at < packet.PayloadOffset;)
        {
            var header = packet.Bytes[at..packet.PayloadOffset];
            var length = next == IpProtocol.Fragment ? Ipv6View.FragmentHeader : 8 * (header[1] + 1);
            if (next == IpProtocol.Authentication
                || (next is IpProtocol.HopByHop or IpProtocol.DestinationOptions && !MayPassOver(header[2..length])))
                return false;
            next = (IpProtocol)header[0];
            at += length;
        }
        return true;
    }

    /// <summary>The two highest bits of a type say what to do who does not know it: 0, pass over.</summary>
    static bool MayPassOver(ReadOnlySpan<byte> options)
    {
        while (!options.IsEmpty)
        {
            var length = options[0] == Pad1 ? 1 : options.Length > 1 ? 2 + options[1] : int.MaxValue;
            if (length > options.Length || options[0] >> 6 != 0)
                return false;
            options = options[length..];
        }
        return true;
    }
}
