using Macro.Circuits;

namespace Macro.Fuzz;

/// <summary>
/// WireGuard messages in a TCP stream: the same comes out however the stream is cut, and it can be written again. The first byte says
/// where it is cut.
/// </summary>
sealed class TcpFrameTarget : IFuzzTarget
{
    readonly byte[] _again = new byte[1 << 16], _cut = new byte[1 << 16];

    public string Name => "tcp-frame";

    public int MaxAllocation => 4096;

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        if (input.IsEmpty || input.Length > _again.Length)
            return seen.Value;
        var stream = input[1..];
        var (messages, taken, written) = (0, 0, 0);
        TcpFrameVerdict verdict;
        while ((verdict = TcpFrame.TryRead(stream[taken..], out var message, out var size)) == TcpFrameVerdict.Ok)
        {
            InvariantException.Require(message.Length is >= 32 and <= TcpFrame.MaxMessage && size == message.Length + TcpFrame.HeaderSize, "a message has its bounds");
            InvariantException.Require(TcpFrame.TryWrite(message, _again.AsSpan(written), out var again) && again == size, "what was read can be written");
            (messages, taken, written) = (messages + 1, taken + size, written + again);
            seen.AddSize(message.Length);
        }
        InvariantException.Require(_again.AsSpan(0, written).SequenceEqual(stream[..taken]), "what was read is written as it was");
        InvariantException.Require(verdict == TcpFrameVerdict.Broken || stream.Length - taken < TcpFrame.HeaderSize + TcpFrame.MaxMessage, "what waits for more is less than a message");
        InvariantException.Require((messages, taken, verdict) == InPieces(stream, input[0] + 1), "it does not matter how a stream is cut");
        seen.Add((int)verdict);
        seen.AddSize(messages);
        return seen.Value;
    }

    (int Messages, int Taken, TcpFrameVerdict Verdict) InPieces(ReadOnlySpan<byte> stream, int piece)
    {
        var (messages, taken, filled) = (0, 0, 0);
        var verdict = TcpFrameVerdict.Incomplete;
        for (var at = 0; at < stream.Length && verdict == TcpFrameVerdict.Incomplete; at += piece)
        {
            var part = stream.Slice(at, Math.Min(piece, stream.Length - at));
            part.CopyTo(_cut.AsSpan(filled));
            filled += part.Length;
            var begin = taken;
            while ((verdict = TcpFrame.TryRead(_cut.AsSpan(begin, filled - begin), out _, out var size)) == TcpFrameVerdict.Ok)
                (messages, begin) = (messages + 1, begin + size);
            taken = begin;
        }
        return (messages, taken, verdict);
    }
}
