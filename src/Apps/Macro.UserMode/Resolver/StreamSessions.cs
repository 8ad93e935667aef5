using Macro.Core;
using Macro.NetStack.Dns;

namespace Macro.UserMode;

/// <summary>Whoever answers the queries that come to a listener. Under the loop's lock.</summary>
interface IQuestionServer
{
    /// <summary>As <see cref="LoopResolver.Ask"/>.</summary>
    /// <param name="client">Who asks.</param>
    AskVerdict Ask(Endpoint client, ReadOnlySpan<byte> query, Carrier carrier, IAnswerTaker taker, Span<byte> room, out int length);
}

/// <summary>
/// The streams of the clients of one listener: queries come one behind the other, answers go as they come (RFC 7766
/// 6.2.1.1). Streams, and the time that they may be idle, are bounded. Under the loop's lock.
/// </summary>
/// <param name="most">Streams at once.</param>
/// <param name="mostOfOne">Streams at once of one client's address.</param>
sealed class StreamSessions(StackLoop loop, IQuestionServer server, int most, int mostOfOne)
{
    readonly StackLoop _loop = loop;
    readonly IQuestionServer _server = server;

    // RFC 7766 6.2.3: a few seconds.
    static readonly TimeSpan s_idle = TimeSpan.FromSeconds(10);

    // An answer of the largest size, for whoever asks: all run under one lock.
    readonly byte[] _room = new byte[ushort.MaxValue];
    readonly Dictionary<IpAddress, int> _streamsOf = [];
    readonly HashSet<Session> _sessions = [];

    public int Count => _sessions.Count;

    /// <summary>False: there are too many, and the caller gets rid of it.</summary>
    public bool HasRoom(IpAddress client) => _sessions.Count < most && _streamsOf.GetValueOrDefault(client) < mostOfOne;

    public void Add(LoopStream stream, Endpoint client)
    {
        var session = new Session(this, client);
        _sessions.Add(session);
        _streamsOf[client.Address] = _streamsOf.GetValueOrDefault(client.Address) + 1;
        session.Start(stream);
    }

    public void Close()
    {
        foreach (var session in _sessions.ToArray())
            session.End();
    }

    bool Remove(Session session, Endpoint client)
    {
        if (!_sessions.Remove(session))
            return false;
        if (--_streamsOf[client.Address] == 0)
            _streamsOf.Remove(client.Address);
        return true;
    }

    sealed class Session(StreamSessions all, Endpoint client) : IMessageStreamOwner, IAnswerTaker, ILoopTimer
    {
        // Whoever pipelines more than this waits for nothing good.
        const int MostPending = 64;

        MessageStream _messages = null!;
        int _pending;
        bool _hasHalfClosed;

        int IDeadline.Place { get; set; }

        public void Start(LoopStream stream)
        {
            _messages = new MessageStream(stream, this);
            KeepAlive();
            _messages.Start();
        }

        public void HandleMessage(MessageStream stream, ReadOnlySpan<byte> message)
        {
            KeepAlive();
            if (_pending == MostPending)
            {
                End();
                return;
            }
            switch (all._server.Ask(client, message, Carrier.Stream, this, all._room, out var length))
            {
                case AskVerdict.Answered:
                    Send(all._room.AsSpan(0, length));
                    break;
                case AskVerdict.Pending:
                    _pending++;
                    break;
                case AskVerdict.Ignored:
                    End();
                    break;
            }
        }

        public void HandleAnswer(ReadOnlySpan<byte> answer)
        {
            _pending--;
            Send(answer);
            if (_hasHalfClosed && _pending == 0)
                End();
        }

        public void HandleEnd(MessageStream stream)
        {
            _hasHalfClosed = true;
            if (_pending == 0)
                End();
        }

        public void End()
        {
            if (!all.Remove(this, client))
                return;
            all._loop.SetTimer(this, Instant.Never);
            _messages.Close();
        }

        void ILoopTimer.HandleTimeout(Instant now) => End();

        void KeepAlive() => all._loop.SetTimer(this, all._loop.Now + s_idle);

        void Send(ReadOnlySpan<byte> answer)
        {
            if (all._sessions.Contains(this) && !_messages.Send(answer))
                End();
        }
    }
}
