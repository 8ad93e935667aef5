using System.Text;
using Macro.Core;
using Macro.Crypto;
using Macro.Peers;

namespace Macro.Fuzz;

/// <summary>Seed lists, signed anew by two of three when they have no signatures left, so that the text behind them is reached.</summary>
sealed class SeedListTarget : IFuzzTarget
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_800_000_000);
    static readonly SigningKey[] s_keys = [.. Enumerable.Range(1, 3).Select(i => new SigningKey([.. Enumerable.Repeat((byte)i, 32)]))];
    static readonly SeedSigners s_signers = new([.. s_keys.Select(k => k.PublicKey)], 2);

    public string Name => "seed-list";

    public int MaxAllocation => 128 * 1024;

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        var verdict = SeedList.TryRead(input, NetworkKey.Public, s_signers, s_now, out var list);
        seen.Add((int)verdict);
        if (verdict == SeedListVerdict.TooFewSignatures && !input.ContainsAnyExceptInRange((byte)0, (byte)127))
        {
            var text = Encoding.ASCII.GetString(input);
            var cut = text.IndexOf("\nsignature ", StringComparison.Ordinal);
            text = SeedList.Sign(SeedList.Sign(cut < 0 ? text : text[..(cut + 1)], s_keys[0]), s_keys[2]);
            verdict = SeedList.TryRead(Encoding.ASCII.GetBytes(text), NetworkKey.Public, s_signers, s_now, out list);
            InvariantException.Require(verdict == SeedListVerdict.Valid, "only the signatures were missing");
        }
        InvariantException.Require((verdict == SeedListVerdict.Valid) == list is not null, "a list comes with the verdict Valid, and only then");
        if (list is null)
            return seen.Value;
        InvariantException.Require(list.Seeds.Count is >= 1 and <= SeedList.MostSeeds && list.Expires > s_now, "it names relays and is valid now");
        InvariantException.Require(list.Seeds.All(s => s.Endpoints.Count is >= 1 and <= Seed.MostEndpoints), "each has an endpoint");
        InvariantException.Require(list.ToText(NetworkKey.Public).Length <= input.Length, "it has one form, without its signatures");
        seen.Add(list.Seeds.Count);
        seen.Add(list.Seeds.Sum(s => s.Endpoints.Count));
        return seen.Value;
    }
}

/// <summary>Invite links: the bytes as base64url with a checksum that fits, or, after an odd first byte, as the text itself.</summary>
sealed class InviteTarget : IFuzzTarget
{
    public string Name => "invite";

    public int MaxAllocation => 32 * 1024;

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        if (input.IsEmpty)
            return seen.Value;
        string text;
        if (input[0] % 2 == 1)
            text = Encoding.Latin1.GetString(input[1..]);
        else
        {
            Span<byte> hash = stackalloc byte[Blake2s.HashSize];
            Blake2s.Hash(hash, input[1..]);
            text = "macro:" + System.Buffers.Text.Base64Url.EncodeToString([.. input[1..], .. hash[..4]]);
        }
        var invite = InviteLink.TryParse(text);
        seen.Add(input[0] % 2);
        seen.Add(invite is null ? 0 : 1);
        if (invite is null)
            return seen.Value;
        InvariantException.Require(invite.ToText() == text && text.Length <= InviteLink.MaxLength, "an invitation has one text");
        InvariantException.Require(invite.Seeds.Count is >= 1 and <= InviteLink.MostSeeds && !invite.Name.Any(char.IsControl), "it names relays, and nothing that a terminal obeys");
        seen.Add(invite.Network.IsPrivate ? 1 : 0);
        seen.AddSize(invite.Name.Length);
        seen.Add(invite.Seeds.Count);
        seen.Add(invite.Seeds.Sum(s => s.Endpoints.Count));
        return seen.Value;
    }
}
