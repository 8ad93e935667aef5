using Macro.Core;
using Macro.Crypto;

namespace Macro.Dht;

/// <summary>
/// Answers the queries of others (BEP 5, 32, 42, 44, 51). What is not KRPC gets no answer; a query that lacks something
/// gets error 203; an unknown one with a target is answered like find_node, without one with error 204.
/// </summary>
sealed class Responder(DhtNode node, DhtOptions options, IRandom random, Outbox outbox, Instant now)
{
    /// <summary>Longest answers: those that pass every path (1280 bytes less headers), and those that pass an Ethernet.</summary>
    const int LongestV6 = 1232, LongestV4 = 1400;

    /// <summary>Bytes of an answer besides nodes, value and transaction id; and what a signed value brings with it.</summary>
    const int Frame = 140, Signed = 150;

    const int MostPeers = 50, MostPeersV6 = 24, MostSamples = 20;

    static readonly TimeSpan s_sampleInterval = TimeSpan.FromMinutes(10);

    readonly Tokens _tokens = new(random, now);
    readonly Admission _admission = new(options.QueriesPerSecond);
    Id160[]? _samples;
    Instant _samplesUntil = new(0);
    int _sampled;

    public PeerStore Peers { get; } = new(options, random);

    public ItemStore Items { get; } = new(options);

    /// <param name="query">Has been parsed.</param>
    /// <param name="family">The network that it came from.</param>
    /// <param name="size">Bytes of the datagram.</param>
    public DatagramVerdict Answer(in Message query, FamilyNode family, Endpoint source, int size, Instant now)
    {
        if (!_admission.Allow(source.Address, now))
            return DatagramVerdict.Refused;
        Span<byte> buffer = stackalloc byte[DhtNode.MaxDatagram];
        if (!query.HasBody || query.Sender is not { } sender)
        {
            Fail(query, source, query.HasBody || query.Method != Method.Unknown ? ErrorCode.Protocol : ErrorCode.MethodUnknown);
            return DatagramVerdict.Query;
        }
        if (sender == family.Id)
            return DatagramVerdict.Refused;
        var asker = new NodeInfo(sender, source);
        var error = Missing(query) ?? Carry(query, asker, family, now);
        if (error is { } code)
            Fail(query, source, code);
        else
        {
            var length = Write(query, family, source, buffer, family.V4 ? LongestV4 : LongestV6, withData: true, now);
            // To an address that nobody has proven, much goes only while the allowance for that lasts; else three times the query.
            if (!family.Table.Knows(sender, source) && !_admission.AllowExcess(source.Address, size, length, now))
            {
                var longest = Admission.AmplificationAllowed * size;
                length = Write(query, family, source, buffer, longest, withData: true, now);
                if (length > longest)
                    length = Write(query, family, source, buffer, longest, withData: false, now);
            }
            outbox.Send(buffer[..length], source);
        }
        if (query.ReadOnly)
            return DatagramVerdict.Query;
        family.Table.Heard(asker, now);
        family.Suggest(asker, now);
        return DatagramVerdict.Query;
    }

    void Fail(in Message query, Endpoint source, ErrorCode code)
    {
        Span<byte> buffer = stackalloc byte[256];
        outbox.Send(buffer[..Replies.Error(buffer, source, query.Transaction, code)], source);
    }

    static ErrorCode? Missing(in Message query) => query.Method switch
    {
        Method.Ping => null,
        Method.FindNode or Method.GetPeers or Method.Get or Method.SampleInfohashes => query.Target is null ? ErrorCode.Protocol : null,
        Method.AnnouncePeer => query.Target is null || query.Token.IsEmpty || (query.Port is not (> 0 and <= ushort.MaxValue) && !query.ImpliedPort)
            ? ErrorCode.Protocol : null,
        Method.Put => query.Value.IsEmpty || query.Token.IsEmpty ? ErrorCode.Protocol : null,
        Method.Unknown => query.Target is null ? ErrorCode.MethodUnknown : null,
    };

    /// <summary>Carries out what stores something. Returns why it was refused.</summary>
    ErrorCode? Carry(in Message query, NodeInfo asker, FamilyNode family, Instant now)
    {
        if (query.Method == Method.AnnouncePeer)
        {
            if (!_tokens.Holds(query.Token, asker.Endpoint.Address, query.Target!.Value, now))
                return ErrorCode.Protocol;
            var port = query.ImpliedPort ? asker.Endpoint.Port : (ushort)query.Port!.Value;
            Peers.Announce(query.Target.Value, asker.Endpoint with { Port = port }, family.Id, now);
            return null;
        }
        return query.Method == Method.Put ? Put(query, asker.Endpoint.Address, family.Id, now) : null;
    }

    ErrorCode? Put(in Message query, IpAddress source, Id160 own, Instant now)
    {
        // All three or none: an item with half a signature is neither mutable nor immutable.
        var mutable = query.Key is not null || query.Sequence is not null || !query.Signature.IsEmpty;
        if (mutable && (query.Key is null || query.Sequence is null || query.Signature.IsEmpty))
            return ErrorCode.Protocol;
        if (query.Value.Length > MutableItem.MaxValue)
            return ErrorCode.ValueTooBig;
        if (query.Salt.Length > MutableItem.MaxSalt)
            return ErrorCode.SaltTooBig;
        var target = query.Key is { } key ? MutableItem.TargetOf(key, query.Salt) : Id160.HashOf(query.Value);
        if (!_tokens.Holds(query.Token, source, target, now))
            return ErrorCode.Protocol;
        return mutable ? Items.PutMutable(query, source, own, now) : Items.PutImmutable(target, query.Value, source, own, now);
    }

    /// <param name="longest">Bytes; what does not fit are nodes.</param>
    /// <param name="withData">False: nodes and token only.</param>
    int Write(in Message query, FamilyNode family, Endpoint source, Span<byte> buffer, int longest, bool withData, Instant now)
    {
        var writer = Replies.Begin(buffer, source, family.Id);
        if (query.Method is not (Method.Ping or Method.AnnouncePeer or Method.Put))
        {
            var target = query.Target!.Value;
            ItemStore.Item? item = null;
            if (query.Method == Method.Get && withData)
                Items.TryGet(target, now, out item);
            // "seq" asks for what is newer (BEP 44).
            var full = item is not null && (query.Sequence is not { } known || item.Mutable is { } mutable && mutable.Sequence > known);
            if (query.Method == Method.SampleInfohashes)
                writer.Integer("interval"u8, (long)s_sampleInterval.TotalSeconds);
            if (full && item!.Mutable is { } signed)
                WriteKey(ref writer, signed.Key);
            WriteNodes(ref writer, query, family, target, longest - (full ? item!.Value.Length + Signed : 0));
            if (query.Method == Method.SampleInfohashes && withData)
                WriteSamples(ref writer, now);
            if (item?.Mutable is { } current)
            {
                writer.Integer("seq"u8, current.Sequence);
                if (full)
                    writer.String("sig"u8, current.Signature.Span);
            }
            if (query.Method is Method.Get or Method.GetPeers)
                WriteToken(ref writer, source.Address, target, now);
            if (full)
            {
                writer.String("v"u8);
                writer.Raw(item!.Value.Span);
            }
            if (query.Method == Method.GetPeers && withData)
                WritePeers(ref writer, target, source.Address.IsV4, now);
        }
        return Replies.Finish(ref writer, query.Transaction);
    }

    static void WriteKey(ref BencodeWriter writer, PublicKey key)
    {
        Span<byte> bytes = stackalloc byte[PublicKey.Size];
        key.Write(bytes);
        writer.String("k"u8, bytes);
    }

    void WriteNodes(ref BencodeWriter writer, in Message query, FamilyNode family, Id160 target, int longest)
    {
        var want = query.Want is { } wanted && wanted != Want.None ? wanted : family.V4 ? Want.V4 : Want.V6;
        // Beside a large value there is room for few nodes, and who has the value hardly needs them.
        var room = longest - Frame - query.Transaction.Length;
        if (want.HasFlag(Want.V4) && node.Family(v4: true) is { } v4)
            WriteNodes(ref writer, "nodes"u8, v4, target, Compact.NodeV4, ref room);
        if (want.HasFlag(Want.V6) && node.Family(v4: false) is { } v6)
            WriteNodes(ref writer, "nodes6"u8, v6, target, Compact.NodeV6, ref room);
    }

    static void WriteNodes(ref BencodeWriter writer, ReadOnlySpan<byte> key, FamilyNode family, Id160 target, int size, ref int room)
    {
        Span<NodeInfo> closest = stackalloc NodeInfo[Bucket.Size];
        var count = Math.Min(family.Table.Closest(target, closest), Math.Max(0, room / size));
        Span<byte> compact = stackalloc byte[Bucket.Size * Compact.NodeV6];
        for (var i = 0; i < count; i++)
            Compact.Write(closest[i], compact[(i * size)..]);
        writer.String(key, compact[..(count * size)]);
        room -= count * size;
    }

    void WriteToken(ref BencodeWriter writer, IpAddress asker, Id160 target, Instant now)
    {
        Span<byte> token = stackalloc byte[Tokens.Size];
        _tokens.Write(token, asker, target, now);
        writer.String("token"u8, token);
    }

    void WritePeers(ref BencodeWriter writer, Id160 infoHash, bool v4, Instant now)
    {
        Span<Endpoint> peers = stackalloc Endpoint[v4 ? MostPeers : MostPeersV6];
        var count = Peers.Sample(infoHash, v4, peers, now);
        if (count == 0)
            return;
        Span<byte> compact = stackalloc byte[Compact.EndpointV6];
        writer.String("values"u8);
        writer.BeginList();
        foreach (var peer in peers[..count])
            writer.String(compact[..Compact.Write(peer, compact)]);
        writer.End();
    }

    /// <summary>The same samples for a while, so that asking often brings nothing (BEP 51).</summary>
    void WriteSamples(ref BencodeWriter writer, Instant now)
    {
        if (_samplesUntil <= now)
        {
            _sampled = Peers.SampleInfoHashes(_samples ??= new Id160[MostSamples]);
            _samplesUntil = now + s_sampleInterval;
        }
        writer.Integer("num"u8, Peers.InfoHashes);
        Span<byte> bytes = stackalloc byte[MostSamples * Id160.Size];
        for (var i = 0; i < _sampled; i++)
            _samples![i].Write(bytes[(i * Id160.Size)..]);
        writer.String("samples"u8, bytes[..(_sampled * Id160.Size)]);
    }
}
