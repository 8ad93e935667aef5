using Microsoft.Win32.SafeHandles;

namespace Macro.Linux;

/// <summary>An open file descriptor. A call in progress on another thread keeps it open until it returns.</summary>
sealed class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    public FileDescriptor() : base(ownsHandle: true) { }

    internal FileDescriptor(int fd) : base(ownsHandle: true) => SetHandle(fd);

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
