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

    // Whoever has said nothing for longest stands first.
    readonly LinkedList<Session> _sessions = new();

    public int Count => _sessions.Count;

    /// <summary>
    /// Before one more is added. When there are too many, the one that has been silent for longest and waits for no answer
    /// gives way: whoever opens streams and says nothing keeps nobody out. False: all are in use, and the caller refuses.
    /// </summary>
    public bool MakeRoom(IpAddress client)
    {
        if (_streamsOf.GetValueOrDefault(client) >= mostOfOne)
            return Displace(client);
        return _sessions.Count < most || Displace(null);
    }

    bool Displace(IpAddress? client)
    {
        for (var node = _sessions.First; node is not null; node = node.Next)
        {
            if (node.Value.Waits || (client is not null && node.Value.Client != client))
                continue;
            node.Value.End();
            return true;
        }
        return false;
    }

    public void Add(LoopStream stream, Endpoint client)
    {
        var session = new Session(this, client);
        _sessions.AddLast(session.Node);
        _streamsOf[client.Address] = _streamsOf.GetValueOrDefault(client.Address) + 1;
        session.Start(stream);
    }

    public void Close()
    {
        foreach (var session in _sessions.ToArray())
            session.End();
    }

    void MoveToBack(Session session)
    {
        if (session.Node.List is null)
            return;
        _sessions.Remove(session.Node);
        _sessions.AddLast(session.Node);
    }

    bool Remove(Session session)
    {
        if (session.Node.List is null)
            return false;
        _sessions.Remove(session.Node);
        if (--_streamsOf[session.Client] == 0)
            _streamsOf.Remove(session.Client);
        return true;
    }

    sealed class Session : IMessageStreamOwner, IAnswerTaker, ILoopTimer
    {
        // Whoever pipelines more than this waits for nothing good.
        const int MostPending = 64;

        readonly StreamSessions _all;
        readonly Endpoint _client;
        MessageStream _messages = null!;
        int _pending;
        bool _hasHalfClosed;

        public Session(StreamSessions all, Endpoint client)
        {
            (_all, _client) = (all, client);
            Node = new LinkedListNode<Session>(this);
        }

        public LinkedListNode<Session> Node { get; }

        public IpAddress Client => _client.Address;

        /// <summary>For an answer.</summary>
        public bool Waits => _pending > 0;

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
            _all.MoveToBack(this);
            if (_pending == MostPending)
            {
                End();
                return;
            }
            switch (_all._server.Ask(_client, message, Carrier.Stream, this, _all._room, out var length))
            {
                case AskVerdict.Answered:
                    Send(_all._room.AsSpan(0, length));
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
            if (!_all.Remove(this))
                return;
            _all._loop.SetTimer(this, Instant.Never);
            _messages.Close();
        }

        void ILoopTimer.HandleTimeout(Instant now) => End();

        void KeepAlive() => _all._loop.SetTimer(this, _all._loop.Now + s_idle);

        void Send(ReadOnlySpan<byte> answer)
        {
            if (Node.List is not null && !_messages.Send(answer))
                End();
        }
    }
}
