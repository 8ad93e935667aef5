using System.Globalization;
using System.Text;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>Who may issue seed lists: <paramref name="Needed"/> of these must have signed.</summary>
public sealed record SeedSigners(IReadOnlyList<PublicKey> Keys, int Needed);

/// <summary>What a seed list is worth. Anything but Valid: do not use it.</summary>
public enum SeedListVerdict
{
    Valid,
    Malformed,

    /// <summary>Of another network.</summary>
    OtherNetwork,

    Expired,

    /// <summary>Too few of the signers have signed exactly this.</summary>
    TooFewSignatures,
}

/// <summary>
/// Relays to begin with, as a text signed by several people: it ships with the package, so that no server of anybody is needed at the first
/// start. docs/protocol/seed-list.md.
/// </summary>
public sealed record SeedList(Instant Issued, Instant Expires, IReadOnlyList<Seed> Seeds)
{
    public const int MaxSize = 256 << 10, MostSeeds = 1000, MostSignatures = 16;

    const string Magic = "macro-seeds 1";
    const string SignatureWord = "signature ";

    /// <summary>The text that is signed: everything before the signatures.</summary>
    public string ToText(NetworkKey network)
    {
        ArgumentNullException.ThrowIfNull(network);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Magic}\nnetwork {network.Tag}\nissued {Issued.UnixSeconds}\nexpires {Expires.UnixSeconds}\n");
        foreach (var seed in Seeds)
            text.Append("relay ").Append(seed.Id).Append(' ').AppendJoin(' ', seed.Endpoints).Append('\n');
        return text.ToString();
    }

    /// <summary>Adds one person's signature to a list, signed or not.</summary>
    public static string Sign(string text, SigningKey key)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(key);
        var signature = new byte[SigningKey.SignatureSize];
        key.Sign(Encoding.UTF8.GetBytes(text[..SignedLength(text)]), signature);
        return $"{text}{SignatureWord}{key.PublicKey.ToBase64()} {Convert.ToBase64String(signature)}\n";
    }

    /// <summary>Reads and checks; signatures last. Never throws.</summary>
    /// <param name="list">Not null when, and only when, the verdict is Valid.</param>
    public static SeedListVerdict TryRead(ReadOnlySpan<byte> file, NetworkKey network, SeedSigners signers, Instant now, out SeedList? list)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(signers);
        list = null;
        if (file.Length > MaxSize || file.ContainsAnyExceptInRange((byte)'\n', (byte)'~') || file is not [.., (byte)'\n'])
            return SeedListVerdict.Malformed;
        var text = Encoding.ASCII.GetString(file);
        var signed = SignedLength(text);
        var lines = text[..signed].Split('\n')[..^1];
        if (lines is not [Magic, var networkLine, var issuedLine, var expiresLine, .. var relayLines]
            || !TryWord(networkLine, "network ", out var tag) || tag.Length != network.Tag.Length || !TryTime(issuedLine, "issued ", out var issued) || !TryTime(expiresLine, "expires ", out var expires)
            || relayLines.Length is 0 or > MostSeeds)
            return SeedListVerdict.Malformed;
        var seeds = new Seed[relayLines.Length];
        for (var i = 0; i < seeds.Length; i++)
        {
            if (TrySeed(relayLines[i]) is not { } seed)
                return SeedListVerdict.Malformed;
            seeds[i] = seed;
        }
        if (seeds.DistinctBy(s => s.Id).Count() != seeds.Length || !TryCount(text[signed..], file[..signed], signers, out var valid))
            return SeedListVerdict.Malformed;
        if (tag != network.Tag)
            return SeedListVerdict.OtherNetwork;
        if (now >= expires)
            return SeedListVerdict.Expired;
        if (signers.Needed < 1 || valid < signers.Needed)
            return SeedListVerdict.TooFewSignatures;
        list = new SeedList(issued, expires, seeds);
        return SeedListVerdict.Valid;
    }

    static int SignedLength(string text)
    {
        var at = text.IndexOf("\n" + SignatureWord, StringComparison.Ordinal);
        return at < 0 ? text.Length : at + 1;
    }

    /// <summary>False when a line is no signature line. Counts signers, each once; signatures of strangers count for nothing.</summary>
    static bool TryCount(string text, ReadOnlySpan<byte> signed, SeedSigners signers, out int valid)
    {
        valid = 0;
        var lines = text.Split('\n')[..^1];
        if (lines.Length > MostSignatures)
            return false;
        var seen = new HashSet<PublicKey>();
        var signature = new byte[SigningKey.SignatureSize + 2];
        foreach (var line in lines)
        {
            if (!TryWord(line, SignatureWord, out var rest) || rest.Split(' ') is not [var keyText, { Length: 88 } signatureText]
                || !PublicKey.TryParseBase64(keyText, out var key) || !Convert.TryFromBase64String(signatureText, signature, out var length)
                || length != SigningKey.SignatureSize || !seen.Add(key))
                return false;
            if (signers.Keys.Contains(key) && Ed25519.Verify(key, signed, signature.AsSpan(0, length)))
                valid++;
        }
        return true;
    }

    static Seed? TrySeed(string line)
    {
        if (!TryWord(line, "relay ", out var rest) || rest.Split(' ') is not [var name, .. var places]
            || !NodeId.TryParse(name, out var id) || places.Length is 0 or > Seed.MostEndpoints)
            return null;
        var endpoints = new Endpoint[places.Length];
        for (var i = 0; i < places.Length; i++)
            // One endpoint has one text.
            if (!Endpoint.TryParse(places[i], out endpoints[i]) || endpoints[i].Port == 0 || endpoints[i].ToString() != places[i])
                return null;
        return new Seed(id, endpoints);
    }

    static bool TryTime(string line, string word, out Instant time)
    {
        time = default;
        if (!TryWord(line, word, out var rest) || !uint.TryParse(rest, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
            return false;
        time = Instant.FromUnixSeconds(seconds);
        return true;
    }

    static bool TryWord(string line, string word, out string rest)
    {
        rest = line.StartsWith(word, StringComparison.Ordinal) ? line[word.Length..] : "";
        return rest.Length > 0;
    }
}
