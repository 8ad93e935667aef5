using Macro.Core;
using Macro.NetStack;
using Macro.NetStack.Dns;

namespace Macro.UserMode;

/// <summary>Takes the queries that come to one endpoint of a stack, in datagrams and in streams. Under the loop's lock.</summary>
sealed class StackListener : IUdpHandler, IConnectionHandler
{
    readonly HostedStack _stack;
    readonly IQuestionServer _server;
    readonly StreamSessions _sessions;
    readonly byte[] _answer = new byte[Edns.OwnUdpSize];

    public StackListener(HostedStack stack, IQuestionServer server, Endpoint local)
    {
        (_stack, _server) = (stack, server);
        _sessions = new StreamSessions(stack.Loop, server, most: 1024, mostOfOne: 16);
        stack.Stack.TryBind(local, this);
        stack.Stack.Listen(local, this);
    }

    IcmpReason IUdpHandler.Receive(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload, Instant now)
    {
        var later = new LaterAnswer(_stack.Stack, local, remote);
        if (_server.Ask(remote, payload, Carrier.Datagram, later, _answer, out var length) == AskVerdict.Answered)
            _stack.Stack.TrySend(local, remote, _answer.AsSpan(0, length));
        return IcmpReason.None;
    }

    void IUdpHandler.HandleError(Endpoint local, Endpoint remote, IcmpError error)
    {
        // The client has gone; its answer is lost with it.
    }

    void IConnectionHandler.HandleConnection(TcpConnection connection)
    {
        if (!connection.IsIncoming)
            return;
        if (!_sessions.MakeRoom(connection.Flow.Remote.Address))
        {
            connection.RejectIncoming(TcpFailure.Refused);
            return;
        }
        connection.AcceptIncoming();
        _sessions.Add(new ConnectionStream(connection), connection.Flow.Remote);
    }

    sealed class LaterAnswer(Stack stack, Endpoint local, Endpoint client) : IAnswerTaker
    {
        public void HandleAnswer(ReadOnlySpan<byte> answer) => stack.TrySend(local, client, answer);
    }
}
