using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Macro.Linux;

static partial class Interop
{
    internal const nuint SIOCGIFFLAGS = 0x8913;
    internal const nuint SIOCGIFMTU = 0x8921;
    internal const nuint SIOCSIFMTU = 0x8922;
    internal const short IFF_UP = 1;

    /// <summary>0 where there is no such interface.</summary>
    [LibraryImport(Libc, EntryPoint = "if_nametoindex", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial uint InterfaceIndex(string name);

    /// <summary>struct ifreq: the interface's name, then a union of which flags and MTU are used.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    internal struct InterfaceRequest
    {
        [FieldOffset(0)] NameBytes _name;
        [FieldOffset(16)] internal short Flags;
        [FieldOffset(16)] internal int Mtu;

        internal string Name
        {
            readonly get
            {
                ReadOnlySpan<byte> bytes = _name;
                var end = bytes.IndexOf((byte)0);
                return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
            }
            set
            {
                if (Encoding.UTF8.GetByteCount(value) is 0 or > 15)
                    throw new ArgumentException($"'{value}' is no interface name: 1 to 15 bytes are allowed.", nameof(value));
                Span<byte> bytes = _name;
                bytes.Clear();
                Encoding.UTF8.GetBytes(value, bytes);
            }
        }

        [InlineArray(16)]
        struct NameBytes
        {
            byte _first;
        }
    }
}
