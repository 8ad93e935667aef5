using System.Net.Sockets;

namespace Macro.Linux;

/// <summary>Listening Unix sockets whose file permissions are their first guard.</summary>
public static class UnixListener
{
    /// <summary>
    /// Listens at the path with permissions 0600 from the first moment on. A socket that a dead process left there is replaced.
    /// </summary>
    /// <exception cref="LinuxException">Another process listens there (<see cref="LinuxException.Errno"/> 98), or the path cannot be used.</exception>
    public static Socket Listen(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (File.Exists(path))
        {
            if (Answers(path))
                throw new LinuxException($"listen at {path}", Interop.EADDRINUSE);
            File.Delete(path);
        }
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var before = Interop.Umask(0x3f);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            socket.Listen(16);
            return socket;
        }
        catch (SocketException failure)
        {
            socket.Dispose();
            throw new LinuxException($"listen at {path}", failure.NativeErrorCode);
        }
        finally
        {
            _ = Interop.Umask(before);
        }
    }

    static bool Answers(string path)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
