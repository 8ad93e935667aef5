using System.Runtime.InteropServices;

namespace Macro.Linux;

/// <summary>An open file descriptor. A call in progress on another thread keeps it open until it returns.</summary>
sealed class FileDescriptor : SafeHandle
{
    public FileDescriptor() : base(-1, ownsHandle: true) { }

    internal FileDescriptor(int fd) : this() => SetHandle(fd);

    /// <summary>A call that returns -1 as an int leaves the upper half of the handle undefined.</summary>
    public override bool IsInvalid => Number < 0;

    internal int Number => (int)handle;

    /// <summary>Throws when the call that made this failed.</summary>
    internal FileDescriptor Checked(string action)
    {
        if (!IsInvalid)
            return this;
        var errno = Interop.LastError;
        Dispose();
        throw new LinuxException(action, errno);
    }

    protected override bool ReleaseHandle() => Interop.Close(Number) == 0;
}
