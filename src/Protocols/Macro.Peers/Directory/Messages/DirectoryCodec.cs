using System.Buffers.Binary;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>
/// Directory messages to and from bytes: a byte that names the message, then fields of fixed size, little-endian. One
/// message has one encoding; whatever is too long, too short or left over is refused.
/// </summary>
public static class DirectoryCodec
{
    internal enum Kind : byte
    {
        Publish = 1,
        AskShard = 2,
        AskRoot = 3,
        Reconcile = 4,
        Fetch = 5,
        AskSelf = 6,
        Published = 0x81,
        ShardListed = 0x82,
        RootTold = 0x83,
        Reconciled = 0x84,
        Fetched = 0x85,
        SelfTold = 0x86,
        OtherEpoch = 0xff,
    }

    internal const byte ItemsContent = 1, SplitContent = 2;

    /// <exception cref="ArgumentException">It does not fit <see cref="DirectoryMessage.MaxSize"/>, or a field is outside its bounds.</exception>
    public static byte[] Encode(DirectoryMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        var writer = new DirectoryWriter();
        switch (message)
        {
            case Publish m:
                writer.Byte((byte)Kind.Publish);
                writer.Descriptors(m.Descriptors);
                break;
            case Published m:
                writer.Byte((byte)Kind.Published);
                writer.Byte(checked((byte)m.Verdicts.Count));
                foreach (var verdict in m.Verdicts)
                    writer.Byte((byte)verdict);
                break;
            case AskShard m:
                writer.Byte((byte)Kind.AskShard);
                writer.UInt32(m.Epoch);
                writer.Byte((byte)m.Shard.Bits);
                writer.UInt32(m.Shard.Number);
                writer.UInt64(m.From);
                break;
            case ShardListed m:
                writer.Byte((byte)Kind.ShardListed);
                writer.UInt32(m.Epoch);
                writer.UInt32(m.Size);
                writer.Byte(m.More ? (byte)1 : (byte)0);
                writer.Items(m.Items);
                break;
            case AskRoot:
                writer.Byte((byte)Kind.AskRoot);
                break;
            case RootTold m:
                writer.Byte((byte)Kind.RootTold);
                writer.UInt32(m.Epoch);
                writer.UInt32(m.RootEpoch);
                writer.Bytes(m.Root.ToArray());
                writer.UInt32(m.Held);
                writer.UInt32(m.Estimate);
                writer.Byte(m.Work);
                break;
            case Reconcile m:
                writer.Byte((byte)Kind.Reconcile);
                writer.UInt32(m.Epoch);
                writer.UInt64(m.Salt);
                writer.Byte(checked((byte)m.Ranges.Count));
                foreach (var range in m.Ranges)
                {
                    writer.Byte((byte)range.Bits);
                    writer.UInt64(range.First);
                }
                break;
            case Reconciled m:
                writer.Byte((byte)Kind.Reconciled);
                writer.UInt32(m.Epoch);
                writer.Byte(checked((byte)m.Contents.Count));
                foreach (var content in m.Contents)
                    Encode(content, writer);
                break;
            case Fetch m:
                writer.Byte((byte)Kind.Fetch);
                writer.UInt32(m.Epoch);
                writer.Byte(checked((byte)m.Positions.Count));
                foreach (var position in m.Positions)
                    writer.UInt64(position.Value);
                break;
            case Fetched m:
                writer.Byte((byte)Kind.Fetched);
                writer.Byte(checked((byte)m.Considered));
                writer.Descriptors(m.Descriptors);
                break;
            case AskSelf:
                writer.Byte((byte)Kind.AskSelf);
                break;
            case SelfTold m:
                writer.Byte((byte)Kind.SelfTold);
                writer.Bytes(m.Descriptor.Span);
                break;
            case OtherEpoch m:
                writer.Byte((byte)Kind.OtherEpoch);
                writer.UInt32(m.Epoch);
                break;
        }
        return writer.ToArray();
    }

    /// <summary>Null when the bytes are no message. Never throws, and allocates no more than a few times the message.</summary>
    public static DirectoryMessage? Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length is 0 or > DirectoryMessage.MaxSize)
            return null;
        var reader = new DirectoryReader(bytes[1..]);
        DirectoryMessage? message = (Kind)bytes[0] switch
        {
            Kind.Publish => reader.Descriptors(atLeast: 1) is { } d ? new Publish(d) : null,
            Kind.Published => reader.Verdicts() is { } verdicts ? new Published(verdicts) : null,
            Kind.AskShard => AskShard(ref reader),
            Kind.ShardListed => ShardListed(ref reader),
            Kind.AskRoot => new AskRoot(),
            Kind.RootTold => new RootTold(reader.UInt32(), reader.UInt32(), new PublicKey(reader.Bytes(PublicKey.Size)), reader.UInt32(), reader.UInt32(), reader.Byte()),
            Kind.Reconcile => Reconcile(ref reader),
            Kind.Reconciled => Reconciled(ref reader),
            Kind.Fetch => Fetch(ref reader),
            Kind.Fetched => Fetched(ref reader),
            Kind.AskSelf => new AskSelf(),
            Kind.SelfTold => reader.Rest(SignedDescriptor.MaxSize) is { } self ? new SelfTold(self) : null,
            Kind.OtherEpoch => new OtherEpoch(reader.UInt32()),
            _ => null,
        };
        return reader.IsComplete ? message : null;
    }

    static void Encode(RangeContent content, DirectoryWriter writer)
    {
        switch (content)
        {
            case RangeItems items:
                writer.Byte(ItemsContent);
                writer.Items(items.Items);
                break;
            case RangeSplit split:
                if (split.Parts.Count != PositionRange.Parts)
                    throw new ArgumentException("A range has sixteen parts.", nameof(content));
                writer.Byte(SplitContent);
                foreach (var part in split.Parts)
                    writer.UInt64(part);
                break;
        }
    }

    static AskShard? AskShard(ref DirectoryReader reader)
    {
        var epoch = reader.UInt32();
        int bits = reader.Byte();
        var number = reader.UInt32();
        return bits <= Shard.MostBits && number < 1u << bits ? new AskShard(epoch, new Shard(bits, number), reader.UInt64()) : null;
    }

    static ShardListed? ShardListed(ref DirectoryReader reader)
    {
        var (epoch, size, more) = (reader.UInt32(), reader.UInt32(), reader.Byte());
        return more <= 1 && reader.Items() is { } items ? new ShardListed(epoch, size, more == 1, items) : null;
    }

    static Reconcile? Reconcile(ref DirectoryReader reader)
    {
        var (epoch, salt, count) = (reader.UInt32(), reader.UInt64(), reader.Byte());
        if (count is 0 or > DirectoryMessage.MostAsked)
            return null;
        var ranges = new PositionRange[count];
        foreach (ref var range in ranges.AsSpan())
        {
            var (bits, first) = (reader.Byte(), reader.UInt64());
            if (!PositionRange.IsRange(bits, first))
                return null;
            range = new PositionRange(bits, first);
        }
        return new Reconcile(epoch, salt, ranges);
    }

    static Reconciled? Reconciled(ref DirectoryReader reader)
    {
        var (epoch, count) = (reader.UInt32(), reader.Byte());
        if (count is 0 or > DirectoryMessage.MostAsked)
            return null;
        var contents = new RangeContent[count];
        for (var i = 0; i < contents.Length; i++)
        {
            RangeContent? content = reader.Byte() switch
            {
                ItemsContent => reader.Items() is { } items ? new RangeItems(items) : null,
                SplitContent => reader.Numbers(PositionRange.Parts) is { } parts ? new RangeSplit(parts) : null,
                _ => null,
            };
            if (content is null)
                return null;
            contents[i] = content;
        }
        return new Reconciled(epoch, contents);
    }

    static Fetch? Fetch(ref DirectoryReader reader)
    {
        var (epoch, count) = (reader.UInt32(), reader.Byte());
        if (count is 0 or > DirectoryMessage.MostAsked || reader.Numbers(count) is not { } numbers)
            return null;
        return new Fetch(epoch, Array.ConvertAll(numbers, n => new Position(n)));
    }

    static Fetched? Fetched(ref DirectoryReader reader)
    {
        int considered = reader.Byte();
        return considered is > 0 and <= DirectoryMessage.MostAsked && reader.Descriptors(atLeast: 0) is { } descriptors
            ? new Fetched(considered, descriptors)
            : null;
    }
}
