using System.Runtime.InteropServices;
using Macro.Core;

namespace Macro.Linux;

/// <summary>
/// The connections that the kernel tracks (conntrack), over ctnetlink. An entry leads answers back to the address that
/// began it for as long as answers come, and an idle TCP connection lasts for five days.
/// </summary>
static unsafe class TrackedConnections
{
    const int MostBytes = 1 << 15;

    /// <summary>
    /// Deletes those that began at such addresses. Lists all of the machine, about 0.2 s for each 100 000, so not
    /// for a thread that others wait for.
    /// </summary>
    /// <exception cref="LinuxException">The kernel lists or deletes none here; whatever could be deleted has been.</exception>
    internal static void Forget(Func<IpAddress, bool> beganAt)
    {
        // An answer to a deletion must not come between those of the listing.
        using FileDescriptor listing = Open(), deletion = Open();
        var listed = new byte[MostBytes];
        var request = new byte[MostBytes];
        Send(listing, request, Interop.IPCTNL_MSG_CT_GET, Interop.NLM_F_REQUEST | Interop.NLM_F_DUMP, family: 0, sizeof(Interop.NetfilterHeader));
        LinuxException? failure = null;
        while (true)
        {
            var rest = Receive(listing, listed);
            while (TryTakeMessage(ref rest, out var header, out var message))
            {
                if (header.Type is Interop.NLMSG_DONE or Interop.NLMSG_ERROR)
                {
                    Check(message, "list tracked connections");
                    if (failure is not null)
                        throw failure;
                    return;
                }
                if (header.Type != Interop.IPCTNL_MSG_CT_NEW || message.Length < sizeof(Interop.NetfilterHeader) || !BeganAt(message, beganAt))
                    continue;
                try
                {
                    Delete(deletion, message, request);
                }
                catch (LinuxException e)
                {
                    failure ??= e;
                }
            }
        }
    }

    static bool BeganAt(ReadOnlySpan<byte> connection, Func<IpAddress, bool> which)
    {
        var attributes = connection[sizeof(Interop.NetfilterHeader)..];
        return TryFind(attributes, Interop.CTA_TUPLE_ORIG, out var tuple) && TryFind(tuple, Interop.CTA_TUPLE_IP, out var addresses)
            && (TryFind(addresses, Interop.CTA_IP_V4_SRC, out var source) && source.Length == 4
                || TryFind(addresses, Interop.CTA_IP_V6_SRC, out source) && source.Length == 16)
            && which(IpAddress.Read(source));
    }

    /// <summary>By what tells it from all others, its number included: a later one with the same addresses and ports stays.</summary>
    static void Delete(FileDescriptor socket, ReadOnlySpan<byte> connection, byte[] request)
    {
        var length = sizeof(Interop.NetfilterHeader);
        var attributes = connection[length..];
        while (TryTakeAttribute(ref attributes, out var type, out _, out var whole))
        {
            if (type is not (Interop.CTA_TUPLE_ORIG or Interop.CTA_ID or Interop.CTA_ZONE))
                continue;
            whole.CopyTo(request.AsSpan(length));
            length += whole.Length;
        }
        Send(socket, request, Interop.IPCTNL_MSG_CT_DELETE, Interop.NLM_F_REQUEST | Interop.NLM_F_ACK, MemoryMarshal.Read<Interop.NetfilterHeader>(connection).Family, length);
        // The answer takes the place of the request, which the kernel has read.
        var rest = Receive(socket, request);
        if (TryTakeMessage(ref rest, out _, out var answer))
            Check(answer, "delete a tracked connection");
    }

    static FileDescriptor Open() =>
        Interop.Socket(Interop.AF_NETLINK, Interop.SOCK_RAW | Interop.SOCK_CLOEXEC, Interop.NETLINK_NETFILTER).Checked("open a netlink socket");

    /// <param name="message">Room for the header, and the attributes behind it.</param>
    static void Send(FileDescriptor socket, byte[] message, ushort type, int flags, byte family, int length)
    {
        var header = new Interop.NetfilterHeader { Netlink = new() { Length = (uint)length, Type = type, Flags = (ushort)flags }, Family = family };
        MemoryMarshal.Write(message, header);
        fixed (byte* bytes = message)
            Interop.Check((int)Interop.Send(socket, bytes, (nuint)length, 0), "ask for tracked connections");
    }

    static ReadOnlySpan<byte> Receive(FileDescriptor socket, byte[] buffer)
    {
        fixed (byte* bytes = buffer)
            return buffer.AsSpan(0, Interop.Check((int)Interop.Receive(socket, bytes, (nuint)buffer.Length, 0), "read tracked connections"));
    }

    /// <summary>NLMSG_ERROR and NLMSG_DONE carry an errno with a minus before it, or 0. What has ended meanwhile needs no deleting.</summary>
    static void Check(ReadOnlySpan<byte> answer, string action)
    {
        var result = answer.Length >= sizeof(Interop.NetlinkHeader) + sizeof(int) ? MemoryMarshal.Read<int>(answer[sizeof(Interop.NetlinkHeader)..]) : 0;
        if (result < 0 && result != -Interop.ENOENT)
            throw new LinuxException(action, -result);
    }

    static bool TryTakeMessage(scoped ref ReadOnlySpan<byte> rest, out Interop.NetlinkHeader header, out ReadOnlySpan<byte> message)
    {
        message = default;
        if (!MemoryMarshal.TryRead(rest, out header) || header.Length < sizeof(Interop.NetlinkHeader) || header.Length > rest.Length)
            return false;
        message = rest[..(int)header.Length];
        rest = rest[Aligned(message.Length, rest)..];
        return true;
    }

    static bool TryFind(ReadOnlySpan<byte> attributes, ushort wanted, out ReadOnlySpan<byte> value)
    {
        var rest = attributes;
        while (TryTakeAttribute(ref rest, out var type, out value, out _))
            if (type == wanted)
                return true;
        return false;
    }

    /// <param name="whole">With its header, and what fills it up.</param>
    static bool TryTakeAttribute(scoped ref ReadOnlySpan<byte> rest, out int type, out ReadOnlySpan<byte> value, out ReadOnlySpan<byte> whole)
    {
        type = 0;
        value = whole = default;
        if (!MemoryMarshal.TryRead(rest, out Interop.NetlinkAttribute attribute) || attribute.Length < sizeof(Interop.NetlinkAttribute) || attribute.Length > rest.Length)
            return false;
        type = attribute.Type & Interop.NLA_TYPE_MASK;
        value = rest[sizeof(Interop.NetlinkAttribute)..attribute.Length];
        whole = rest[..Aligned(attribute.Length, rest)];
        rest = rest[whole.Length..];
        return true;
    }

    static int Aligned(int length, ReadOnlySpan<byte> within) => Math.Min((length + 3) & ~3, within.Length);
}
