using Macro.NetStack;

namespace Macro.Fuzz;

/// <summary>Every message that a SOCKS client sends: <c>0 kind, then the message</c>. No verdict may change with bytes that come later.</summary>
sealed class SocksTarget : IFuzzTarget
{
    public string Name => "socks";

    public int MaxAllocation => 8 * 1024;

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        if (input.IsEmpty)
            return seen.Value;
        var kind = input[0] % 5;
        var bytes = input[1..];
        var verdict = Parse(kind, bytes, out var length, ref seen);
        seen.Add(kind);
        seen.Add((int)verdict);
        if (verdict == InputVerdict.Complete)
        {
            InvariantException.Require(length <= bytes.Length, "a message lies within its bytes");
            Cut(kind, bytes[..length]);
        }
        if (kind < 4 && bytes.Length > Socks5.MaxMessage)
            InvariantException.Require(verdict != InputVerdict.Incomplete, "waiting has a bound");
        return seen.Value;
    }

    static void Cut(int kind, ReadOnlySpan<byte> message)
    {
        var ignored = new Digest();
        InvariantException.Require(Parse(kind, message, out var again, ref ignored) == InputVerdict.Complete && again == message.Length, "what follows changes nothing");
        if (kind == 4)
            return;
        for (var cut = 0; cut < message.Length; cut++)
            InvariantException.Require(Parse(kind, message[..cut], out _, ref ignored) == InputVerdict.Incomplete, "a beginning is incomplete");
    }

    static InputVerdict Parse(int kind, ReadOnlySpan<byte> bytes, out int length, ref Digest seen)
    {
        switch (kind)
        {
            case 0:
                return Socks5.TryParseGreeting(bytes, out _, out length);
            case 1:
                return Socks5.TryParseCredentials(bytes, out _, out length);
            case 2:
                var request = Socks5.TryParseRequest(bytes, out _, out var target, out var refusal, out length);
                seen.Add((int)refusal);
                Check(target);
                return request;
            case 3:
                var old = Socks4.TryParseRequest(bytes, out _, out target, out var supported, out length);
                seen.Add(supported ? 1 : 0);
                Check(target);
                return old;
            default:
                var complete = Socks5.TryParseDatagram(bytes, out target, out length);
                Check(target);
                return complete ? InputVerdict.Complete : InputVerdict.Malformed;
        }
    }

    static void Check(in ProxyTarget target) => InvariantException.Require(
        target.Name is null || target.Name.Length <= ProxyTarget.MaxName && ProxyTarget.TryParse(System.Text.Encoding.ASCII.GetBytes(target.Name), 1, out var again)
            && again.Name == target.Name,
        "a name reads as itself");
}
