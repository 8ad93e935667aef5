using Macro.Core;
using Macro.Crypto;

namespace Macro.Dht;

/// <summary>
/// A KRPC message (BEP 5, 32, 42, 43, 44, 51) as a view over the datagram. Fields of the wrong type or size count as
/// absent; which ones a message needs is its reader's business.
/// </summary>
ref struct Message
{
    /// <summary>Longest transaction id that is echoed; clients use 2 to 8 bytes.</summary>
    public const int MaxTransaction = 32;

    public MessageKind Kind { get; private set; }

    public ReadOnlySpan<byte> Transaction { get; private set; }

    /// <summary>Of a query.</summary>
    public Method Method { get; private set; }

    /// <summary>The sender does not want to be a contact (BEP 43).</summary>
    public bool ReadOnly { get; private set; }

    /// <summary>Our own endpoint as the sender saw it (BEP 42), 6 or 18 bytes.</summary>
    public ReadOnlySpan<byte> SeenAs { get; private set; }

    public Id160? Sender { get; private set; }

    /// <summary>"target" or, where there is none, "info_hash".</summary>
    public Id160? Target { get; private set; }

    public ReadOnlySpan<byte> Token { get; private set; }

    /// <summary>Compact nodes, 26 bytes each.</summary>
    public ReadOnlySpan<byte> Nodes { get; private set; }

    /// <summary>Compact nodes, 38 bytes each (BEP 32).</summary>
    public ReadOnlySpan<byte> Nodes6 { get; private set; }

    /// <summary>A list of compact endpoints.</summary>
    public BencodeValue Values { get; private set; }

    /// <summary>Of an item: its bencoded value as it was sent.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    public PublicKey? Key { get; private set; }

    public ReadOnlySpan<byte> Signature { get; private set; }

    public ReadOnlySpan<byte> Salt { get; private set; }

    public long? Sequence { get; private set; }

    public long? Cas { get; private set; }

    public long? Port { get; private set; }

    public bool ImpliedPort { get; private set; }

    public Want? Want { get; private set; }

    /// <summary>Info-hashes, 20 bytes each (BEP 51).</summary>
    public ReadOnlySpan<byte> Samples { get; private set; }

    public long? Interval { get; private set; }

    public int Error { get; private set; }

    /// <summary>A query that has no dictionary of arguments.</summary>
    public bool HasBody { get; private set; }

    /// <summary>False when this is no KRPC message that could be answered: not canonical, or without "t" or "y".</summary>
    public static bool TryParse(ReadOnlySpan<byte> datagram, out Message message)
    {
        message = default;
        if (!BencodeValue.TryParse(datagram, out var root) || root.Kind != BencodeKind.Dictionary)
            return false;
        var kind = ReadOnlySpan<byte>.Empty;
        BencodeValue arguments = default, answers = default, error = default;
        foreach (var member in root)
        {
            var value = member.Value;
            if (member.Key.Length is < 1 or > 2)
                continue;
            switch (member.Key[0], member.Key.Length)
            {
                case ((byte)'t', 1) when value.TryGetString(out var t) && t.Length <= MaxTransaction:
                    message.Transaction = t;
                    break;
                case ((byte)'y', 1):
                    value.TryGetString(out kind);
                    break;
                case ((byte)'q', 1) when value.TryGetString(out var q):
                    message.Method = MethodOf(q);
                    break;
                case ((byte)'a', 1):
                    arguments = value;
                    break;
                case ((byte)'r', 1):
                    answers = value;
                    break;
                case ((byte)'e', 1):
                    error = value;
                    break;
                case ((byte)'r', 2) when member.Key[1] == 'o' && value.TryGetInteger(out var flag):
                    message.ReadOnly = flag == 1;
                    break;
                case ((byte)'i', 2) when member.Key[1] == 'p' && value.TryGetString(out var seen) && seen.Length is 6 or 18:
                    message.SeenAs = seen;
                    break;
                default:
                    break;
            }
        }
        if (message.Transaction.IsEmpty || kind.Length != 1)
            return false;
        switch (kind[0])
        {
            case (byte)'q':
                message.Kind = MessageKind.Query;
                message.HasBody = arguments.Kind == BencodeKind.Dictionary;
                message.ReadBody(arguments);
                return true;
            case (byte)'r':
                message.Kind = MessageKind.Response;
                message.HasBody = answers.Kind == BencodeKind.Dictionary;
                message.ReadBody(answers);
                return message.HasBody;
            case (byte)'e':
                message.Kind = MessageKind.Error;
                message.ReadError(error);
                return true;
            default:
                return false;
        }
    }

    static Method MethodOf(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("ping"u8) ? Method.Ping
        : name.SequenceEqual("find_node"u8) ? Method.FindNode
        : name.SequenceEqual("get_peers"u8) ? Method.GetPeers
        : name.SequenceEqual("announce_peer"u8) ? Method.AnnouncePeer
        : name.SequenceEqual("get"u8) ? Method.Get
        : name.SequenceEqual("put"u8) ? Method.Put
        : name.SequenceEqual("sample_infohashes"u8) ? Method.SampleInfohashes
        : Method.Unknown;

    void ReadError(BencodeValue error)
    {
        if (error.Kind != BencodeKind.List)
            return;
        foreach (var member in error)
        {
            if (member.Value.TryGetInteger(out var code) && code is > 0 and < 1000)
                Error = (int)code;
            return;
        }
    }

    void ReadBody(BencodeValue body)
    {
        if (body.Kind != BencodeKind.Dictionary)
            return;
        foreach (var member in body)
        {
            var value = member.Value;
            if (value.TryGetString(out var text))
                ReadString(member.Key, text);
            else if (value.TryGetInteger(out var number))
                ReadInteger(member.Key, number);
            else if (member.Key.SequenceEqual("values"u8))
                Values = value;
            else if (member.Key.SequenceEqual("want"u8))
                ReadWant(value);
            if (member.Key is [(byte)'v'])
                Value = value.Raw;
        }
    }

    void ReadString(ReadOnlySpan<byte> key, ReadOnlySpan<byte> text)
    {
        switch (key)
        {
            case [(byte)'i', (byte)'d'] when text.Length == Id160.Size:
                Sender = Id160.Read(text);
                break;
            case [(byte)'k'] when text.Length == PublicKey.Size:
                Key = new PublicKey(text);
                break;
            case [(byte)'s', (byte)'i', (byte)'g'] when text.Length == SigningKey.SignatureSize:
                Signature = text;
                break;
            default:
                ReadNamed(key, text);
                break;
        }
    }

    void ReadNamed(ReadOnlySpan<byte> key, ReadOnlySpan<byte> text)
    {
        if (key.SequenceEqual("target"u8) && text.Length == Id160.Size)
            Target = Id160.Read(text);
        else if (key.SequenceEqual("info_hash"u8) && text.Length == Id160.Size)
            Target ??= Id160.Read(text);
        else if (key.SequenceEqual("token"u8))
            Token = text;
        else if (key.SequenceEqual("nodes"u8))
            Nodes = text;
        else if (key.SequenceEqual("nodes6"u8))
            Nodes6 = text;
        else if (key.SequenceEqual("salt"u8))
            Salt = text;
        else if (key.SequenceEqual("samples"u8))
            Samples = text;
    }

    void ReadInteger(ReadOnlySpan<byte> key, long number)
    {
        if (key.SequenceEqual("seq"u8))
            Sequence = number;
        else if (key.SequenceEqual("cas"u8))
            Cas = number;
        else if (key.SequenceEqual("port"u8))
            Port = number;
        else if (key.SequenceEqual("implied_port"u8))
            ImpliedPort = number != 0;
        else if (key.SequenceEqual("interval"u8))
            Interval = number;
    }

    void ReadWant(BencodeValue list)
    {
        var want = Dht.Want.None;
        foreach (var member in list)
        {
            if (!member.Value.TryGetString(out var word))
                continue;
            if (word.SequenceEqual("n4"u8))
                want |= Dht.Want.V4;
            else if (word.SequenceEqual("n6"u8))
                want |= Dht.Want.V6;
        }
        Want = want;
    }
}
