using System.Net.Sockets;
using Macro.Api;

namespace Macro.Daemon.Http;

/// <summary>
/// The API on a Unix socket. The folder (0700) and the socket (0600) let only the node's own user in. Requests are not
/// logged.
/// </summary>
sealed class ApiServer
{
    const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    const UnixFileMode GroupAndOthers = (UnixFileMode)0b111_111;

    /// <summary>Makes room for the socket: its folder, and nothing of a node that died in its place.</summary>
    /// <exception cref="NodeException">Another node listens there, or the folder cannot be made or is not this user's alone.</exception>
    public static void Prepare(string socketPath)
    {
        try
        {
            var folder = Path.GetDirectoryName(socketPath)!;
            Directory.CreateDirectory(folder, OwnerOnly);
            // Where clients look by themselves. Another place is the choice of whoever names it, to the node and to its clients.
            if (socketPath == ApiSocket.DefaultPath)
                RequireOwn(folder);
            if (!File.Exists(socketPath))
                return;
            if (new FileInfo(socketPath).Length > 0)
                throw new NodeException(ProblemCodes.WrongState, $"{socketPath} is a file and no socket.", "Name another path with --api.");
            if (SomebodyListens(socketPath))
                throw new NodeException(
                    ProblemCodes.WrongState, $"A node runs already at {socketPath}.", "Use that one, or give this one a socket of its own with --api.");
            File.Delete(socketPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NodeException(
                ProblemCodes.NotPermitted, $"The folder of {socketPath} cannot be used ({e.Message.TrimEnd('.')}).", "Run as another user, or name another socket with --api.", e);
        }
    }

    /// <summary>Closes the socket to everybody but the owner. Called as soon as it is bound.</summary>
    public static void Protect(string socketPath) => File.SetUnixFileMode(socketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);

    /// <summary>Takes the socket away, and root's folder with it, by which other users know that there is a node.</summary>
    public static void Remove(string socketPath)
    {
        File.Delete(socketPath);
        if (Path.GetDirectoryName(socketPath) != ApiSocket.SystemFolder)
            return;
        try
        {
            Directory.Delete(ApiSocket.SystemFolder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A service's folder is its manager's to remove, and another node may have its socket there.
        }
    }

    public static void Map(WebApplication app)
    {
        app.Use((context, next) => ApiProblems.Middleware(context, _ => next(context)));
        // Routing stands behind the middleware above, so that its 404 too becomes a problem record.
        app.UseRouting();
        ConnectionEndpoints.Map(app);
        NetworkEndpoints.Map(app);
        KeysEndpoints.Map(app);
    }

    /// <summary>Others could put a socket of theirs in a folder that they may write to, and be taken for the node.</summary>
    /// <exception cref="NodeException">It is another user's, or group or others have a permission for it.</exception>
    internal static void RequireOwn(string folder)
    {
        try
        {
            if ((File.GetUnixFileMode(folder) & GroupAndOthers) == 0)
            {
                // This, the kernel grants to the owner alone, and to root.
                File.SetUnixFileMode(folder, OwnerOnly);
                return;
            }
        }
        catch (UnauthorizedAccessException)
        {
        }
        throw new NodeException(
            ProblemCodes.NotPermitted, $"The folder {folder} is not this user's alone.",
            "Give it to this user alone (chown, chmod 700), or name another socket with --api.");
    }

    static bool SomebodyListens(string socketPath)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(socketPath));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
