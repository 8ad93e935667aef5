using System.Diagnostics.CodeAnalysis;
using Macro.Core;
using Macro.Crypto;
using Macro.Peers;

namespace Macro.Circuits;

/// <summary>What circuits are for besides carrying packets: questions about the directory, registrations, introductions.</summary>
public sealed partial class Circuit
{
    const int MostIntroduced = 16, MostDenied = 16;

    readonly Queue<(uint, ControlAnswer)> _answers = new(0);
    readonly Queue<(uint, Introduced)> _introduced = new(0);

    readonly Queue<DeniedFlow> _denied = new(0);

    /// <summary>Something that the exit said that it does not let through.</summary>
    public bool TryTakeDenied(out DeniedFlow denied) => _denied.TryDequeue(out denied);

    /// <summary>Asks the last hop about the directory; <see cref="TryTakeAnswer"/> has the answer when it came.</summary>
    /// <returns>The number of the request.</returns>
    public uint AskDirectory(ReadOnlyMemory<byte> request, Instant now)
    {
        if (Goal != CircuitGoal.Directory || State != CircuitState.Ready)
            throw new InvalidOperationException("The circuit is no open link to a directory.");
        return Ask(Hops[^1], new DirectoryRequest { Body = request }, now);
    }

    /// <summary>Asks a hop that introduces; <see cref="TryTakeAnswer"/> has the answer when it came.</summary>
    public uint AskIntroduction(Hop introducer, Introduce request, Instant now)
    {
        if (State != CircuitState.Ready)
            throw new InvalidOperationException("The circuit is not open.");
        return Ask(introducer, request, now);
    }

    /// <summary>The introducer at the end of a registration says that somebody wants to meet this node; to be answered with <see cref="Reply"/>.</summary>
    public bool TryTakeIntroduced(out uint request, [NotNullWhen(true)] out Introduced? message)
    {
        (request, message) = _introduced.TryDequeue(out var taken) ? taken : (0, null);
        return message is not null;
    }

    /// <summary>Answers the last hop's own request.</summary>
    public void Reply(uint request, ControlAnswer answer, Instant now)
    {
        if (State == CircuitState.Ready)
            Send(Hops[^1], FrameType.Control, request, ControlCodec.Encode(answer), now);
    }

    /// <summary>
    /// The answer to an <see cref="AskDirectory"/> or <see cref="AskIntroduction"/>: a <see cref="DirectoryAnswer"/>,
    /// <see cref="IntroduceAnswer"/>, or a status that says why there is none.
    /// </summary>
    public bool TryTakeAnswer(out uint request, [NotNullWhen(true)] out ControlAnswer? answer)
    {
        (request, answer) = _answers.TryDequeue(out var taken) ? taken : (0, null);
        return answer is not null;
    }

    void Register(Hop hop, Instant now)
    {
        var identity = Identity ?? throw new InvalidOperationException("Who registers has an identity.");
        var (node, signature) = (new byte[NodeId.Size], new byte[SigningKey.SignatureSize]);
        identity.Id.Write(node);
        identity.Sign(Registration.Statement(hop.Target.RelayKey, hop.PublicKey), signature);
        Ask(hop, new Register { Node = node, Signature = signature }, now);
    }
}
