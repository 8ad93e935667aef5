namespace Macro.NetStack;

/// <summary>Who drives connections: the Stack. Called from within the application's calls, never from Receive, TryTransmit or HandleTimeout.</summary>
interface ITcpOwner
{
    /// <summary>The connection may have something to transmit or another <see cref="TcpConnection.NextTimeout"/>: look at it.</summary>
    void Schedule(TcpConnection connection);
}
