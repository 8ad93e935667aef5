using Macro.Core;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// A connection of a stack as a <see cref="Stream"/>, for the libraries of the platform that want one (TLS, HTTP). One
/// read and one write at a time. Any thread may call it; it enters the loop by itself.
/// </summary>
sealed class ConnectionIo : Stream, IConnectionHandler, IStackMember
{
    readonly HostedStack _stack;
    readonly TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    TcpConnection? _connection;
    TaskCompletionSource<int>? _reading;
    Memory<byte> _readRoom;
    TaskCompletionSource? _writing;
    ReadOnlyMemory<byte> _unwritten;

    ConnectionIo(HostedStack stack) => _stack = stack;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <exception cref="IOException">The far end or the circuit refused.</exception>
    public static async Task<ConnectionIo> ConnectAsync(HostedStack stack, Endpoint remote, CancellationToken cancel)
    {
        var io = new ConnectionIo(stack);
        stack.Loop.Enter(() => io.Begin(remote));
        try
        {
            await io._connected.Task.WaitAsync(cancel);
            return io;
        }
        catch
        {
            await io.DisposeAsync();
            throw;
        }
    }

    /// <summary>Over a connection that came in and was accepted. Under the loop's lock.</summary>
    public static ConnectionIo Over(HostedStack stack, TcpConnection connection)
    {
        var io = new ConnectionIo(stack) { _connection = connection };
        connection.Context = io;
        stack.Join(io);
        return io;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var reading = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        _stack.Loop.Enter(() =>
        {
            (_reading, _readRoom) = (reading, buffer);
            Move();
        });
        using var canceled = cancellationToken.UnsafeRegister(_ => _stack.Loop.Post(() =>
        {
            if (_reading == reading)
                (_reading, _readRoom) = (null, default);
            reading.TrySetCanceled(cancellationToken);
        }), null);
        return await reading.Task;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var writing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _stack.Loop.Enter(() =>
        {
            (_writing, _unwritten) = (writing, buffer);
            Move();
        });
        using var canceled = cancellationToken.UnsafeRegister(_ => _stack.Loop.Post(() => End(new OperationCanceledException(cancellationToken))), null);
        await writing.Task;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _stack.Loop.Enter(() => End(new ObjectDisposedException(nameof(ConnectionIo))));
        base.Dispose(disposing);
    }

    void IConnectionHandler.HandleConnection(TcpConnection connection) => Move();

    void IStackMember.HandleStackClosed() => End(new IOException("The circuit is gone."));

    void Begin(Endpoint remote)
    {
        _connection = _stack.IsClosed ? null : _stack.Stack.Connect(remote, this, _stack.Loop.Now);
        if (_connection is null)
            _connected.TrySetException(new IOException($"There is no way to {remote}."));
        else
            _stack.Join(this);
    }

    /// <summary>Does what can be done now of what is wanted. Under the loop's lock.</summary>
    void Move()
    {
        if (_connection is not { } connection)
        {
            Settle(new IOException("The connection is over."));
            return;
        }
        if (connection.IsClosed && connection.Failure != TcpFailure.None)
        {
            End(new IOException($"The connection failed: {connection.Failure}."));
            return;
        }
        if (connection.IsEstablished)
            _connected.TrySetResult();
        MoveIn(connection);
        MoveOut(connection);
    }

    void MoveIn(TcpConnection connection)
    {
        if (_reading is not { } reading)
            return;
        var readable = connection.Readable;
        var count = Math.Min(readable.Length, _readRoom.Length);
        if (count == 0 && !connection.IsEndOfStream && !connection.IsClosed && !_readRoom.IsEmpty)
            return;
        readable[..count].CopyTo(_readRoom.Span);
        if (count > 0)
            connection.Consume(count);
        (_reading, _readRoom) = (null, default);
        reading.TrySetResult(count);
    }

    void MoveOut(TcpConnection connection)
    {
        while (!_unwritten.IsEmpty && connection.Writable is { IsEmpty: false } room)
        {
            var count = Math.Min(room.Length, _unwritten.Length);
            _unwritten.Span[..count].CopyTo(room);
            connection.Commit(count);
            _unwritten = _unwritten[count..];
        }
        if (connection.IsClosed && !_unwritten.IsEmpty)
            End(new IOException("The connection is over."));
        if (_writing is not { } writing || !_unwritten.IsEmpty)
            return;
        _writing = null;
        writing.TrySetResult();
    }

    void End(Exception why)
    {
        if (_connection is { } connection)
        {
            connection.Context = null;
            connection.Abort();
            _connection = null;
            _stack.Leave(this);
        }
        Settle(why);
    }

    void Settle(Exception why)
    {
        _connected.TrySetException(why);
        _reading?.TrySetException(why);
        _writing?.TrySetException(why);
        (_reading, _writing, _readRoom, _unwritten) = (null, null, default, default);
        // Nobody may have waited for it.
        _ = _connected.Task.Exception;
    }
}
