using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Macro.Core;

namespace Macro.Linux;

static unsafe partial class Interop
{
    internal const int IPPROTO_IP = 0;
    internal const int IPPROTO_ICMP = 1;
    internal const int IPPROTO_IPV6 = 41;
    internal const int IPPROTO_ICMPV6 = 58;
    internal const int IP_TOS = 1;
    internal const int IP_RECVERR = 11;
    internal const int IP_RECVTOS = 13;
    internal const int IPV6_RECVERR = 25;
    internal const int IPV6_V6ONLY = 26;
    internal const int IPV6_RECVTCLASS = 66;
    internal const int IPV6_TCLASS = 67;

    /// <summary>struct sockaddr_in6, with room for the 16 bytes of a struct sockaddr_in.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 28)]
    internal struct SocketAddress
    {
        fixed byte _bytes[28];

        internal const int V4Size = 16;
        internal const int V6Size = 28;

        /// <summary>The endpoint in the family of the socket: on an IPv6 socket an IPv4 address is written as mapped.</summary>
        internal void Write(Endpoint endpoint, int family)
        {
            fixed (byte* at = _bytes)
            {
                var bytes = new Span<byte>(at, 28);
                bytes.Clear();
                MemoryMarshal.Write(bytes, (ushort)family);
                BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], endpoint.Port);
                if (family == AF_INET)
                    BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], endpoint.Address.V4Bits);
                else
                    endpoint.Address.WriteMapped(bytes[8..24]);
            }
        }

        internal static uint SizeOf(int family) => (uint)(family == AF_INET6 ? V6Size : V4Size);

        internal readonly Endpoint Read()
        {
            fixed (byte* at = _bytes)
            {
                var bytes = new ReadOnlySpan<byte>(at, 28);
                var address = MemoryMarshal.Read<ushort>(bytes) == AF_INET ? bytes[4..8] : bytes[8..24];
                return new Endpoint(IpAddress.Read(address), BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]));
            }
        }
    }
}
