using Macro.NetStack;

namespace Macro.Fuzz;

/// <summary>
/// HTTP, by the first byte: a request's head, a response's, a chunked body. What is written for the other side must read as
/// one head of the same framing, without a field that was meant for the proxy.
/// </summary>
sealed class HttpTarget : IFuzzTarget
{
    readonly byte[] _room = new byte[HttpResponseHead.MaxSize + 64];

    public string Name => "http";

    public int MaxAllocation => 8 * 1024;

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        if (input.IsEmpty)
            return seen.Value;
        seen.Add(input[0] % 3);
        switch (input[0] % 3)
        {
            case 0:
                Request(input[1..], ref seen);
                break;
            case 1:
                Response(input[1..], ref seen);
                break;
            default:
                Chunks(input[1..], ref seen);
                break;
        }
        return seen.Value;
    }

    void Request(ReadOnlySpan<byte> bytes, ref Digest seen)
    {
        var verdict = HttpRequestHead.TryParse(bytes, out var head, out var length);
        seen.Add((int)verdict);
        if (verdict != InputVerdict.Complete)
            return;
        InvariantException.Require(length <= bytes.Length, "a head lies within its bytes");
        InvariantException.Require(HttpRequestHead.TryParse(bytes[..(length - 1)], out _, out _) == InputVerdict.Incomplete, "a beginning is incomplete");
        seen.Add((int)head.Form);
        seen.Add((int)head.Framing);
        seen.Add(head.TryReadUser(out _) ? 1 : 0);
        if (!head.TryReadTarget(out var target))
            return;
        seen.Add(target.Name is null ? 2 : 3);
        if (head.Form != HttpTargetForm.Absolute)
            return;
        InvariantException.Require(head.TryWriteForServer(_room, out var written), "there is room");
        InvariantException.Require(
            HttpRequestHead.TryParse(_room.AsSpan(0, written), out var sent, out var read) == InputVerdict.Complete && read == written, "what is written is one head");
        InvariantException.Require(sent.Form is HttpTargetForm.Origin or HttpTargetForm.Asterisk, "the server gets the origin form");
        InvariantException.Require(sent.Framing == head.Framing && sent.ContentLength == head.ContentLength, "the body ends where it did");
        foreach (var field in sent.Fields)
        {
            seen.AddSize(field.Value.Length);
            InvariantException.Require(!field.Is("Proxy-Authorization"u8) && !field.Is("Proxy-Connection"u8) && !field.Is("Upgrade"u8), "nothing for the proxy passes");
        }
    }

    void Response(ReadOnlySpan<byte> bytes, ref Digest seen)
    {
        var verdict = HttpResponseHead.TryParse(bytes, out var head, out var length);
        seen.Add((int)verdict);
        if (verdict != InputVerdict.Complete)
            return;
        InvariantException.Require(length <= bytes.Length, "a head lies within its bytes");
        seen.Add(head.Status / 100);
        seen.Add((int)head.Framing);
        InvariantException.Require(head.TryWriteForClient(_room, out var written), "there is room");
        InvariantException.Require(
            HttpResponseHead.TryParse(_room.AsSpan(0, written), out var sent, out var read) == InputVerdict.Complete && read == written, "what is written is one head");
        InvariantException.Require(sent.Status == head.Status, "the status stays");
    }

    static void Chunks(ReadOnlySpan<byte> bytes, ref Digest seen)
    {
        var whole = new ChunkedBody();
        var taken = whole.Take(bytes);
        var pieces = new ChunkedBody();
        var one = 0;
        while (one < bytes.Length && pieces.Take(bytes.Slice(one, 1)) == 1)
            one++;
        InvariantException.Require(taken == one && whole.IsComplete == pieces.IsComplete && whole.IsMalformed == pieces.IsMalformed, "cuts change nothing");
        seen.Add((whole.IsComplete ? 1 : 0) | (whole.IsMalformed ? 2 : 0));
        seen.AddSize(taken);
    }
}
