using Macro.Core;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// A stack in a <see cref="StackLoop"/>, and the way on for its packets: one for each circuit of a client, one for all
/// sessions of an exit. But for <see cref="Write"/> and <see cref="Close"/> its members are used under the loop's lock.
/// </summary>
public sealed class HostedStack
{
    readonly Action<PacketBatch> _transmit;
    readonly int _headroom;
    readonly int _tailroom;
    readonly HashSet<IStackMember> _members = [];

    internal HostedStack(StackLoop loop, Stack stack, Action<PacketBatch> transmit, int headroom, int tailroom)
    {
        (Loop, Stack, _transmit, _headroom, _tailroom) = (loop, stack, transmit, headroom, tailroom);
        LastUsed = loop.Now;
    }

    public StackLoop Loop { get; }

    public Stack Stack { get; }

    /// <summary>The circuit is gone; nothing here sends or receives any more.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Splices, associations and attempts that live here: 0 when the circuit serves nobody.</summary>
    public int MemberCount => _members.Count;

    /// <summary>When a member last joined or left.</summary>
    public Instant LastUsed { get; private set; }

    /// <summary>
    /// Takes IP packets that came out of the circuit, and does everything that follows from them before it returns: what
    /// they carry is sent to sockets, what the stack answers is transmitted. Called by pump threads; their bytes may be changed.
    /// </summary>
    public void Write(PacketBatch packets) => Loop.Write(this, packets);

    /// <summary>Takes the stack out of the loop: its members end with an error that says so. Any thread; once is enough.</summary>
    public void Close() => Loop.Remove(this);

    /// <summary>Enters a member, which hears when the stack closes. Not of a closed stack.</summary>
    public void Join(IStackMember member)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        _members.Add(member);
        LastUsed = Loop.Now;
    }

    public void Leave(IStackMember member)
    {
        if (_members.Remove(member))
            LastUsed = Loop.Now;
    }

    internal void Receive(PacketBatch packets, Instant now)
    {
        for (var i = 0; i < packets.Count; i++)
            Stack.Receive(packets.Bytes(i), now);
    }

    /// <summary>False when nobody was ready.</summary>
    internal bool ServeReady()
    {
        var any = false;
        while (Stack.TryTakeReady(out var connection))
        {
            any = true;
            (connection.Context as IConnectionHandler)?.HandleConnection(connection);
        }
        return any;
    }

    /// <summary>Passes everything on that the stack wants to send.</summary>
    internal void Transmit(PacketBatch batch, Instant now)
    {
        while (true)
        {
            Gather(batch, now);
            if (batch.Count == 0)
                return;
            _transmit(batch);
        }
    }

    internal void EndMembers()
    {
        IsClosed = true;
        // Whoever ends leaves, and so changes the set.
        foreach (var member in _members.ToArray())
            member.HandleStackClosed();
        _members.Clear();
        // Those whose owners have let go may still hold what their peers have not acknowledged.
        Stack.AbortAll();
    }

    void Gather(PacketBatch batch, Instant now)
    {
        batch.Clear();
        while (batch.TryReserve(_headroom, Stack.Options.Mtu, _tailroom, default, out var index))
        {
            if (!Stack.TryTransmit(batch.Bytes(index), now, out var length))
            {
                batch.DropLast(_headroom);
                break;
            }
            batch.TrimLast(length, _tailroom);
        }
    }
}
