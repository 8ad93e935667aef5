using System.Buffers.Binary;
using Macro.Core;
using Macro.NetStack;
using Macro.UserMode;

namespace Macro.StackPeer;

/// <summary>One stream between our TCP and the server's.</summary>
sealed class Transfer(StackHost host, char way, TimeSpan time) : IConnectionHandler, IDisposable
{
    readonly ManualResetEventSlim _done = new();
    readonly byte[] _answer = new byte[Protocol.CountSize];
    byte[] _request = Protocol.Request(way, time);
    Instant _began;
    long _received;
    int _answered;
    bool _over;

    public static double Run(StackHost host, Endpoint server, char way, TimeSpan time)
    {
        using var transfer = new Transfer(host, way, time);
        TcpConnection? connection = null;
        host.Loop.Enter(() => connection = host.Hosted.Stack.Connect(server, transfer, host.Loop.Now));
        if (!transfer._done.Wait(time + TimeSpan.FromSeconds(30)))
            Console.Error.WriteLine("The transfer did not end.");
        host.Loop.Enter(() => connection?.Abort());
        var bytes = way == Protocol.Down ? transfer._received : BinaryPrimitives.ReadInt64BigEndian(transfer._answer);
        return Protocol.Megabits(bytes, time);
    }

    public void HandleConnection(TcpConnection connection)
    {
        if (_over)
            return;
        if (connection.IsClosed)
        {
            Console.Error.WriteLine($"The connection ended: {connection.Failure}.");
            End();
            return;
        }
        Write(connection);
        Read(connection);
    }

    public void Dispose() => _done.Dispose();

    void Write(TcpConnection connection)
    {
        while (connection.Writable is { Length: > 0 } room)
        {
            if (_request.Length > 0)
            {
                _request.CopyTo(room);
                connection.Commit(_request.Length);
                (_request, _began) = ([], host.Loop.Now);
                continue;
            }
            if (way == Protocol.Down)
            {
                connection.Commit(0);
                return;
            }
            room.Clear();
            connection.Commit(room.Length);
        }
    }

    void Read(TcpConnection connection)
    {
        while (connection.Readable is { Length: > 0 } bytes)
        {
            if (way == Protocol.Down)
            {
                _received += bytes.Length;
            }
            else
            {
                bytes[..Math.Min(bytes.Length, _answer.Length - _answered)].CopyTo(_answer.AsSpan(_answered));
                _answered += bytes.Length;
            }
            connection.Consume(bytes.Length);
        }
        if (way == Protocol.Down ? _received > 0 && host.Loop.Now - _began >= time : _answered >= _answer.Length)
            End();
    }

    void End()
    {
        _over = true;
        _done.Set();
    }
}
