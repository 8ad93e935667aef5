namespace Macro.NetStack;

/// <summary>Whoever holds a connection and must hear when the application has done something with it.</summary>
interface ITcpHost
{
    /// <summary>
    /// The application consumed, committed, shut down, aborted, accepted or rejected: there may be something to transmit,
    /// or another timer to wait for.
    /// </summary>
    void Touched();
}
