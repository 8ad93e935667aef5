using System.Diagnostics;
using System.Text.Json;
using Macro.Core;
using Macro.NetStack;
using Macro.UserMode;

namespace Macro.StackPeer;

/// <summary>Many connections at once: each sends a message that is its own, and all answers come back whole.</summary>
sealed class Crowd(StackHost host, Endpoint server, int count) : IDisposable
{
    const int MessageSize = 20_000, AtOnce = 500;

    readonly ManualResetEventSlim _done = new();
    readonly List<Member> _members = [];

    int Total => count;

    int _established, _answered, _failed, _connecting;
    long _mostUsed;

    public static string Run(StackHost host, Endpoint server, int count)
    {
        using var crowd = new Crowd(host, server, count);
        var clock = Stopwatch.StartNew();
        host.Loop.Enter(crowd.Connect);
        crowd._done.Wait(TimeSpan.FromMinutes(3));
        var (established, answered, failed, most, connections) = (crowd._established, crowd._answered, crowd._failed, crowd._mostUsed, host.Hosted.Stack.ConnectionCount);
        host.Loop.Enter(() => crowd._members.ForEach(member => member.Connection?.Abort()));
        return JsonSerializer.Serialize(new
        {
            connections,
            established,
            answered,
            failed,
            seconds = Math.Round(clock.Elapsed.TotalSeconds, 1),
            budget = host.Memory.Budget,
            mostUsed = most,
            usedAtTheEnd = host.Memory.Used,
        });
    }

    public void Dispose() => _done.Dispose();

    void Connect()
    {
        for (; _members.Count < count && _connecting < AtOnce; _connecting++)
        {
            var member = new Member(this, _members.Count);
            _members.Add(member);
            member.Connection = host.Hosted.Stack.Connect(server, member, host.Loop.Now);
            if (member.Connection is null)
                member.End(failed: true);
        }
    }

    void Note() => _mostUsed = Math.Max(_mostUsed, host.Memory.Used);

    sealed class Member(Crowd crowd, int number) : IConnectionHandler
    {
        int _written, _read;
        bool _established, _ended;

        public TcpConnection? Connection { get; set; }

        public void HandleConnection(TcpConnection connection)
        {
            if (_ended)
                return;
            if (connection.IsClosed)
            {
                End(failed: true);
                return;
            }
            if (!_established && connection.IsEstablished)
            {
                _established = true;
                crowd._connecting--;
                if (++crowd._established == crowd._members.Count || crowd._connecting < AtOnce / 2)
                    crowd.Connect();
                // All talk at once, when all are there.
                if (crowd._established == crowd.Total)
                    crowd._members.ForEach(member => member.Write());
            }
            Write();
            Read(connection);
            crowd.Note();
        }

        public void End(bool failed)
        {
            _ended = true;
            if (failed)
                crowd._failed++;
            else
                crowd._answered++;
            if (!_established)
                crowd._connecting--;
            if (crowd._failed + crowd._answered == crowd.Total)
                crowd._done.Set();
        }

        void Write()
        {
            if (crowd._established < crowd.Total || Connection is null)
                return;
            while (_written < Protocol.RequestSize + MessageSize && Connection.Writable is { Length: > 0 } room)
            {
                var length = Math.Min(room.Length, Protocol.RequestSize + MessageSize - _written);
                for (var i = 0; i < length; i++)
                    room[i] = At(_written + i - Protocol.RequestSize);
                Connection.Commit(length);
                _written += length;
            }
        }

        void Read(TcpConnection connection)
        {
            while (connection.Readable is { Length: > 0 } bytes)
            {
                for (var i = 0; i < bytes.Length; i++)
                    if (bytes[i] != At(_read + i))
                    {
                        End(failed: true);
                        return;
                    }
                _read += bytes.Length;
                connection.Consume(bytes.Length);
            }
            if (_read == MessageSize)
                End(failed: false);
        }

        /// <summary>The request before the message asks for an echo.</summary>
        byte At(int position) => position switch
        {
            -Protocol.RequestSize => (byte)Protocol.Echo,
            < 0 => 0,
            _ => (byte)(position * 31 + number * 7 + (position >> 8)),
        };
    }
}
