using System.Globalization;
using Macro.Core;

namespace Macro.Dht;

/// <summary>
/// Writes a response {ip, r: {...}, t, y: "r"} or an error {e: [code, text], ip, t, y: "e"}; "ip" is the asker's endpoint
/// (BEP 42). The keys of "r" are written by the caller in order, between <see cref="Begin"/> and <see cref="Finish"/>.
/// </summary>
static class Replies
{
    public static BencodeWriter Begin(Span<byte> buffer, Endpoint asker, Id160 id)
    {
        var writer = new BencodeWriter(buffer);
        writer.BeginDictionary();
        SeenAs(ref writer, asker);
        writer.String("r"u8);
        writer.BeginDictionary();
        writer.Id("id"u8, id);
        return writer;
    }

    public static int Finish(ref BencodeWriter writer, ReadOnlySpan<byte> transaction)
    {
        writer.End();
        writer.String("t"u8, transaction);
        writer.String("y"u8, "r"u8);
        writer.End();
        return writer.Overflowed ? 0 : writer.Length;
    }

    public static int Error(Span<byte> buffer, Endpoint asker, ReadOnlySpan<byte> transaction, ErrorCode code)
    {
        var writer = new BencodeWriter(buffer);
        writer.BeginDictionary();
        writer.String("e"u8);
        writer.BeginList();
        writer.Integer((int)code);
        writer.String(Text(code));
        writer.End();
        SeenAs(ref writer, asker);
        writer.String("t"u8, transaction);
        writer.String("y"u8, "e"u8);
        writer.End();
        return writer.Overflowed ? 0 : writer.Length;
    }

    static void SeenAs(ref BencodeWriter writer, Endpoint asker)
    {
        Span<byte> compact = stackalloc byte[Compact.EndpointV6];
        writer.String("ip"u8, compact[..Compact.Write(asker, compact)]);
    }

    static ReadOnlySpan<byte> Text(ErrorCode code) => code switch
    {
        ErrorCode.Generic => "Generic error"u8,
        ErrorCode.Server => "Server error"u8,
        ErrorCode.Protocol => "Protocol error"u8,
        ErrorCode.MethodUnknown => "Method unknown"u8,
        ErrorCode.ValueTooBig => "Value too big"u8,
        ErrorCode.InvalidSignature => "Invalid signature"u8,
        ErrorCode.SaltTooBig => "Salt too big"u8,
        ErrorCode.CasMismatch => "CAS mismatch"u8,
        ErrorCode.SequenceTooOld => "Sequence number too old"u8,
    };
}
