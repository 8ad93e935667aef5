using System.Runtime.InteropServices;

namespace Macro.Linux;

static unsafe partial class Interop
{
    internal const int AF_INET = 2;
    internal const int AF_INET6 = 10;
    internal const int AF_NETLINK = 16;
    internal const int SOCK_STREAM = 1;
    internal const int SOCK_DGRAM = 2;
    internal const int SOCK_RAW = 3;
    internal const int SOCK_NONBLOCK = 0x800;
    internal const int SOCK_CLOEXEC = 0x80000;

    internal const int SOL_SOCKET = 1;
    internal const int SO_REUSEADDR = 2;
    internal const int SO_ERROR = 4;
    internal const int SO_LINGER = 13;
    internal const int SO_REUSEPORT = 15;
    internal const int SO_SNDBUF = 7;
    internal const int SO_RCVBUF = 8;
    internal const int SO_SNDBUFFORCE = 32;
    internal const int SO_RCVBUFFORCE = 33;
    internal const int SO_MARK = 36;

    internal const int SHUT_WR = 1;
    internal const int SHUT_RDWR = 2;
    internal const int MSG_TRUNC = 0x20;
    internal const int MSG_DONTWAIT = 0x40;
    internal const int MSG_ERRQUEUE = 0x2000;
    internal const int MSG_NOSIGNAL = 0x4000;
    internal const int MSG_WAITFORONE = 0x10000;

    [StructLayout(LayoutKind.Explicit, Size = 56)]
    internal struct MessageHeader
    {
        [FieldOffset(0)] internal void* Name;
        [FieldOffset(8)] internal uint NameLength;
        [FieldOffset(16)] internal IoVector* Vectors;
        [FieldOffset(24)] internal nuint VectorCount;
        [FieldOffset(32)] internal void* Control;
        [FieldOffset(40)] internal nuint ControlLength;
        [FieldOffset(48)] internal int Flags;
    }

    /// <summary>struct mmsghdr: one message of recvmmsg and sendmmsg, and the bytes that it moved.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 64)]
    internal struct BatchMessage
    {
        [FieldOffset(0)] internal MessageHeader Header;
        [FieldOffset(56)] internal uint Length;
    }

    /// <summary>struct linger: seconds of 0 make close send a reset.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Linger
    {
        internal int OnOff;
        internal int Seconds;
    }

    /// <summary>struct cmsghdr; its data follow at once, and the next one starts at a multiple of eight.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ControlHeader
    {
        internal nuint Length;
        internal int Level;
        internal int Type;
    }

    [LibraryImport(Libc, EntryPoint = "socket", SetLastError = true)]
    internal static partial FileDescriptor Socket(int domain, int type, int protocol);

    [LibraryImport(Libc, EntryPoint = "bind", SetLastError = true)]
    internal static partial int Bind(FileDescriptor socket, void* address, uint length);

    [LibraryImport(Libc, EntryPoint = "listen", SetLastError = true)]
    internal static partial int Listen(FileDescriptor socket, int backlog);

    [LibraryImport(Libc, EntryPoint = "accept4", SetLastError = true)]
    internal static partial FileDescriptor Accept(FileDescriptor socket, void* address, uint* length, int flags);

    [LibraryImport(Libc, EntryPoint = "connect", SetLastError = true)]
    internal static partial int Connect(FileDescriptor socket, void* address, uint length);

    [LibraryImport(Libc, EntryPoint = "getsockname", SetLastError = true)]
    internal static partial int GetSocketName(FileDescriptor socket, void* address, uint* length);

    [LibraryImport(Libc, EntryPoint = "setsockopt", SetLastError = true)]
    internal static partial int SetSocketOption(FileDescriptor socket, int level, int option, void* value, uint length);

    [LibraryImport(Libc, EntryPoint = "getsockopt", SetLastError = true)]
    internal static partial int GetSocketOption(FileDescriptor socket, int level, int option, void* value, uint* length);

    [LibraryImport(Libc, EntryPoint = "shutdown", SetLastError = true)]
    internal static partial int Shutdown(FileDescriptor socket, int how);

    [LibraryImport(Libc, EntryPoint = "recv", SetLastError = true)]
    internal static partial nint Receive(FileDescriptor socket, void* buffer, nuint length, int flags);

    [LibraryImport(Libc, EntryPoint = "send", SetLastError = true)]
    internal static partial nint Send(FileDescriptor socket, void* buffer, nuint length, int flags);

    [LibraryImport(Libc, EntryPoint = "recvfrom", SetLastError = true)]
    internal static partial nint ReceiveFrom(FileDescriptor socket, void* buffer, nuint length, int flags, void* address, uint* addressLength);

    [LibraryImport(Libc, EntryPoint = "recvmsg", SetLastError = true)]
    internal static partial nint ReceiveMessage(FileDescriptor socket, MessageHeader* message, int flags);

    [LibraryImport(Libc, EntryPoint = "sendto", SetLastError = true)]
    internal static partial nint SendTo(FileDescriptor socket, void* buffer, nuint length, int flags, void* address, uint addressLength);

    [LibraryImport(Libc, EntryPoint = "recvmmsg", SetLastError = true)]
    internal static partial int ReceiveMessages(FileDescriptor socket, BatchMessage* messages, uint count, int flags, void* timeout);

    [LibraryImport(Libc, EntryPoint = "sendmmsg", SetLastError = true)]
    internal static partial int SendMessages(FileDescriptor socket, BatchMessage* messages, uint count, int flags);

    internal static int SetSocketOption(FileDescriptor socket, int level, int option, int value) =>
        SetSocketOption(socket, level, option, &value, sizeof(int));
}
