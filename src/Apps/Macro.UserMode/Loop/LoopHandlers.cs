using Macro.Core;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// What <see cref="TcpConnection.Context"/> of a connection in a <see cref="StackLoop"/> implements: a listener's, or that
/// of whoever owns the connection. All calls come under the loop's lock.
/// </summary>
public interface IConnectionHandler
{
    /// <summary>The connection came in, was established, became readable or writable, ended or failed.</summary>
    void HandleConnection(TcpConnection connection);
}

/// <summary>Something that lives in a hosted stack and ends with it.</summary>
public interface IStackMember
{
    /// <summary>The stack goes away with its circuit: connections are to be aborted, sockets closed. Under the loop's lock.</summary>
    void HandleStackClosed();
}

/// <summary>Something that waits for a moment in a <see cref="StackLoop"/>.</summary>
public interface ILoopTimer : IDeadline
{
    /// <summary>Its moment has come; it may set the next one. Under the loop's lock.</summary>
    void HandleTimeout(Instant now);
}

/// <summary>Something that has more work than it may do in one turn.</summary>
public interface ILoopWork
{
    /// <summary>Goes on where it stopped. Under the loop's lock.</summary>
    void Continue();
}
