using System.Net.Sockets;
using System.Text;
using Macro.Linux;

namespace Macro.Wg;

/// <summary>
/// The configuration socket /var/run/wireguard/NAME.sock that wg(8) speaks to. Many clients at once, each with one request
/// after another. When the socket's file is deleted, the program is to end.
/// </summary>
sealed class UapiServer : IDisposable
{
    const string Folder = "/var/run/wireguard";

    /// <summary>A configuration of ten thousand peers has a few megabytes.</summary>
    const int LargestRequest = 64 * 1024 * 1024;

    readonly Socket _listener;
    readonly string _path;
    readonly Func<string, Task<string>> _handle;
    readonly Log _log;
    readonly CancellationTokenSource _end = new();
    readonly FileSystemWatcher? _watcher;
    readonly Task _serving;

    /// <param name="descriptor">A listening socket to take over; null makes one.</param>
    /// <param name="handle">Answers one request.</param>
    /// <param name="deleted">Called when the socket's file is gone.</param>
    /// <exception cref="LinuxException">Another process serves this interface, or the socket cannot be made.</exception>
    internal UapiServer(string interfaceName, int? descriptor, Func<string, Task<string>> handle, Log log, Action deleted)
    {
        _handle = handle;
        _log = log;
        _path = $"{Folder}/{interfaceName}.sock";
        if (descriptor is { } number)
        {
            _listener = new Socket(new SafeSocketHandle(number, ownsHandle: true));
        }
        else
        {
            Directory.CreateDirectory(Folder);
            _listener = UnixListener.Listen(_path);
        }
        if (Directory.Exists(Folder))
        {
            _watcher = new FileSystemWatcher(Folder, Path.GetFileName(_path)) { NotifyFilter = NotifyFilters.FileName };
            _watcher.Deleted += (_, _) => deleted();
            _watcher.EnableRaisingEvents = true;
        }
        _serving = AcceptAsync();
    }

    public void Dispose()
    {
        _watcher?.Dispose();
        _end.Cancel();
        _listener.Dispose();
        File.Delete(_path);
        _end.Dispose();
    }

    async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptAsync(_end.Token));
        }
        catch (Exception failure) when (failure is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Closing.
        }
    }

    async Task ServeAsync(Socket client)
    {
        try
        {
            await using var stream = new NetworkStream(client, ownsSocket: true);
            using var reader = new StreamReader(stream, Encoding.ASCII);
            while (await ReadRequestAsync(reader, _end.Token) is { } request)
                await stream.WriteAsync(Encoding.ASCII.GetBytes(await _handle(request)), _end.Token);
        }
        catch (Exception failure) when (failure is IOException or OperationCanceledException or ObjectDisposedException)
        {
            _log.Verbose("UAPI client left");
        }
    }

    /// <summary>Lines up to an empty one, without it; null at the end, or when it is too long to be a request.</summary>
    static async Task<string?> ReadRequestAsync(StreamReader reader, CancellationToken end)
    {
        var request = new StringBuilder();
        while (await reader.ReadLineAsync(end) is { } line)
        {
            if (line.Length == 0)
            {
                if (request.Length > 0)
                    return request.ToString();
                continue;
            }
            request.Append(line).Append('\n');
            if (request.Length > LargestRequest)
                return null;
        }
        return null;
    }
}
