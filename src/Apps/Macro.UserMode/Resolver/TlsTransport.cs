using System.Buffers.Binary;
using System.Net.Security;
using Macro.Core;

namespace Macro.UserMode;

/// <summary>
/// DNS over TLS (RFC 7858): one connection, on which queries follow each other without waiting; closed when it was idle
/// for a while, and opened again when the next query comes.
/// </summary>
/// <param name="server">Address and port.</param>
/// <param name="name">What its certificate must be for.</param>
/// <param name="tls">Options for a name; tests trust other roots.</param>
sealed class TlsTransport(Endpoint server, string name, Func<string, SslClientAuthenticationOptions>? tls = null) : ISecureTransport
{
    static readonly TimeSpan s_idle = TimeSpan.FromSeconds(10);

    readonly SemaphoreSlim _opening = new(1, 1);
    Channel? _channel;

    public async Task<byte[]> QueryAsync(HostedStack stack, byte[] query, CancellationToken cancel)
    {
        var (channel, isFresh) = await OpenAsync(stack, cancel);
        try
        {
            return await channel.QueryAsync(query, cancel);
        }
        catch (IOException) when (!isFresh)
        {
            // The server closed the old connection while the query was on its way (RFC 7766 6.2.4).
            (channel, _) = await OpenAsync(stack, cancel);
            return await channel.QueryAsync(query, cancel);
        }
    }

    public void Dispose() => _channel?.Dispose();

    async Task<(Channel, bool IsFresh)> OpenAsync(HostedStack stack, CancellationToken cancel)
    {
        await _opening.WaitAsync(cancel);
        try
        {
            if (_channel is { IsOver: false } open && open.Stack == stack)
                return (open, false);
            _channel?.Dispose();
            var stream = new SslStream(await ConnectionIo.ConnectAsync(stack, server, cancel));
            try
            {
                await stream.AuthenticateAsClientAsync((tls ?? SecureLink.TlsFor)(name), cancel);
            }
            catch
            {
                await stream.DisposeAsync();
                throw;
            }
            _channel = new Channel(stack, stream);
            return (_channel, true);
        }
        finally
        {
            _opening.Release();
        }
    }

    /// <summary>One connection. Queries get ids of its own, as two resolvers' questions may bear the same.</summary>
    sealed class Channel : IDisposable
    {
        readonly SslStream _stream;
        readonly SemaphoreSlim _writing = new(1, 1);
        readonly Dictionary<ushort, TaskCompletionSource<byte[]>> _waiting = [];
        readonly Timer _idle;
        ushort _lastId;

        public Channel(HostedStack stack, SslStream stream)
        {
            (Stack, _stream) = (stack, stream);
            _idle = new Timer(_ => Dispose(), null, s_idle, Timeout.InfiniteTimeSpan);
            _ = ReadAsync();
        }

        public HostedStack Stack { get; }

        public bool IsOver { get; private set; }

        public async Task<byte[]> QueryAsync(byte[] query, CancellationToken cancel)
        {
            var answer = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
            var id = Enter(answer);
            try
            {
                var framed = new byte[2 + query.Length];
                BinaryPrimitives.WriteUInt16BigEndian(framed, (ushort)query.Length);
                query.CopyTo(framed, 2);
                BinaryPrimitives.WriteUInt16BigEndian(framed.AsSpan(2), id);
                await _writing.WaitAsync(cancel);
                try
                {
                    // A half-written query would spoil the stream for all.
                    await _stream.WriteAsync(framed, CancellationToken.None);
                }
                finally
                {
                    _writing.Release();
                }
                var message = await answer.Task.WaitAsync(cancel);
                query.AsSpan(0, 2).CopyTo(message);
                return message;
            }
            finally
            {
                lock (_waiting)
                    _waiting.Remove(id);
            }
        }

        public void Dispose()
        {
            TaskCompletionSource<byte[]>[] waiting;
            lock (_waiting)
            {
                if (IsOver)
                    return;
                IsOver = true;
                waiting = [.. _waiting.Values];
            }
            foreach (var one in waiting)
                one.TrySetException(new IOException("The connection is over."));
            _idle.Dispose();
            _stream.Dispose();
        }

        ushort Enter(TaskCompletionSource<byte[]> answer)
        {
            lock (_waiting)
            {
                if (IsOver || _waiting.Count > 1024)
                    throw new IOException("The connection is over.");
                while (!_waiting.TryAdd(++_lastId, answer))
                {
                }
                _idle.Change(s_idle, Timeout.InfiniteTimeSpan);
                return _lastId;
            }
        }

        async Task ReadAsync()
        {
            try
            {
                var head = new byte[2];
                while (true)
                {
                    await _stream.ReadExactlyAsync(head);
                    var message = new byte[BinaryPrimitives.ReadUInt16BigEndian(head)];
                    await _stream.ReadExactlyAsync(message);
                    TaskCompletionSource<byte[]>? answer = null;
                    if (message.Length >= 2)
                        lock (_waiting)
                            _waiting.Remove(BinaryPrimitives.ReadUInt16BigEndian(message), out answer);
                    answer?.TrySetResult(message);
                }
            }
            catch (Exception end) when (end is IOException or ObjectDisposedException or InvalidOperationException)
            {
                Dispose();
            }
        }
    }
}
