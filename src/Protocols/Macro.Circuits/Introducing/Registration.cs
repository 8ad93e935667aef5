using Macro.Core;
using Macro.Crypto;
using Macro.Peers;

namespace Macro.Circuits;

/// <summary>
/// A node behind a NAT that keeps a session here, so that others may reach it through this relay: what is for it goes where
/// its session last proved that it receives. It outlives the session by which it began, if the node comes back by another.
/// </summary>
sealed class Registration(NodeId node, Inbound session) : IReachedHop
{
    /// <summary>Introductions to it in ten seconds.</summary>
    public const int MostIntroductions = 30;

    volatile Inbound _session = session;
    Budget _introductions;

    public NodeId Node { get; } = node;

    public Inbound Session { get => _session; set => _session = value; }

    public int Channels { get; set; }

    public Endpoint Remote => _session.Remote;

    public bool MayIntroduce(Instant now) => _introductions.TrySpend(now, MostIntroductions);

    /// <summary>What a node signs: that it registers at this relay key by this session, and at no other. 80 bytes.</summary>
    public static byte[] Statement(PublicKey introducer, PublicKey session)
    {
        var statement = new byte[16 + 2 * PublicKey.Size];
        "macro register 1"u8.CopyTo(statement);
        introducer.Write(statement.AsSpan(16));
        session.Write(statement.AsSpan(16 + PublicKey.Size));
        return statement;
    }
}
