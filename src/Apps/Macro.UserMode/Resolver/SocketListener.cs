using Macro.Core;
using Macro.Linux;
using Macro.NetStack.Dns;

namespace Macro.UserMode;

/// <summary>Takes the queries that come to one endpoint of this machine, in datagrams and in streams. Under the loop's lock.</summary>
sealed class SocketListener : IReactive, IDisposable
{
    // A query has one name; what is larger is none.
    const int LargestQuery = 1232;

    readonly StackLoop _loop;
    readonly IQuestionServer _server;
    readonly DatagramSocket _datagrams;
    readonly StreamListener _streams;
    readonly StreamSessions _sessions;
    readonly byte[] _query = new byte[LargestQuery + 1];
    readonly byte[] _answer = new byte[LargestQuery];

    SocketListener(StackLoop loop, IQuestionServer server, DatagramSocket datagrams, StreamListener streams)
    {
        (_loop, _server, _datagrams, _streams) = (loop, server, datagrams, streams);
        _sessions = new StreamSessions(loop, server, most: 256, mostOfOne: 256);
    }

    public Endpoint Endpoint => _streams.Local;

    /// <exception cref="LinuxException">The port is taken, or the kernel refused.</exception>
    public static SocketListener Open(StackLoop loop, IQuestionServer server, Endpoint local)
    {
        var streams = StreamListener.Listen(local);
        try
        {
            // With port 0 the datagrams take the port that the streams were given.
            var status = DatagramSocket.TryBind(streams.Local, options: null, out var datagrams);
            if (status != SocketStatus.Ok)
                throw new LinuxException($"listen for datagrams at {streams.Local}", status == SocketStatus.AddressInUse ? 98 : 22);
            var listener = new SocketListener(loop, server, datagrams, streams);
            if (loop.Reactor.TryWatch(datagrams, listener) && loop.Reactor.TryWatch(streams, listener))
                return listener;
            datagrams.Dispose();
            throw new LinuxException($"watch {local}", 12);
        }
        catch
        {
            streams.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _datagrams.Dispose();
        _streams.Dispose();
        _sessions.Close();
    }

    void IReactive.HandleReady(Readiness ready)
    {
        // Either may have become ready: both are asked.
        TakeDatagrams();
        while (_streams.TryAccept(out var socket) == SocketStatus.Ok)
            if (!_sessions.MakeRoom(socket.Remote.Address))
                socket.Dispose();
            else if (SocketStream.Over(socket, _loop.Reactor) is { } stream)
                _sessions.Add(stream, socket.Remote);
    }

    void TakeDatagrams()
    {
        while (_datagrams.TryReceive(_query, out var length, out var client) == SocketStatus.Ok)
        {
            if (length > LargestQuery)
                continue;
            var later = new LaterAnswer(_datagrams, client);
            if (_server.Ask(client, _query.AsSpan(0, length), Carrier.Datagram, later, _answer, out var answerLength) == AskVerdict.Answered)
                _datagrams.TrySend(_answer.AsSpan(0, answerLength), client);
        }
    }

    sealed class LaterAnswer(DatagramSocket socket, Endpoint client) : IAnswerTaker
    {
        public void HandleAnswer(ReadOnlySpan<byte> answer) => socket.TrySend(answer, client);
    }
}
