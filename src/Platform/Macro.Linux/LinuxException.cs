using System.Runtime.InteropServices;

namespace Macro.Linux;

/// <summary>The kernel refused something that was asked of it. The message says what, and why in the kernel's words.</summary>
public sealed class LinuxException : IOException
{
    public LinuxException(string action, int errno)
        : base($"Cannot {action}: {Marshal.GetPInvokeErrorMessage(errno)}.") => Errno = errno;

    public LinuxException(string message) : base(message) { }

    /// <summary>errno, or 0 where a tool such as ip or nft reported the failure.</summary>
    public int Errno { get; }
}
