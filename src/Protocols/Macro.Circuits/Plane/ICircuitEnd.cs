using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// The client's end of a circuit: where its packets come out and where new ones go in. A TUN device, or a TCP/IP stack of
/// this program. It outlives the circuit: when one is lost, the next has the same end.
/// </summary>
public interface ICircuitEnd
{
    /// <summary>
    /// The circuit that packets of this end take from now on; null while there is none, and then they go nowhere. Set by
    /// the owner thread. Connections that hang on the circuit before are over: its exit session is gone.
    /// </summary>
    Circuit? Circuit { set; }

    /// <summary>Something hangs on this end: a connection, or a query that waits. Any thread.</summary>
    bool IsInUse { get; }

    /// <summary>Takes the packets of one batch that came out of the circuit; they may be changed where they lie. Any pump thread, several at once.</summary>
    void Write(PacketBatch packets);

    /// <summary>No circuit will ever come again. Called once, by the owner thread.</summary>
    void Close();
}
