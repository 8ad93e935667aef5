using Macro.Core;

namespace Macro.Peers;

/// <summary>How a request to a <see cref="DirectoryService"/> ended.</summary>
public enum ServiceVerdict
{
    Answered,

    /// <summary>No request; counts against who sent it.</summary>
    Malformed,

    /// <summary>The work budget is used up: the asker tries later, or elsewhere.</summary>
    Busy,
}

/// <summary>
/// Answers requests from a <see cref="RelayDirectory"/> within a budget of work, and keeps nothing about who asks. Descriptors
/// that are published to it are checked and handed to <see cref="TryTakePublished"/>; what is in the directory is what is
/// passed on. Called by the owner thread.
/// </summary>
public sealed class DirectoryService(RelayDirectory directory, DescriptorRules rules)
{
    /// <summary>Items of a range that are listed, and no longer summed up by parts: both take about the same room.</summary>
    internal const int ListedAtOnce = 16;

    const int MostPublished = 256;

    // What things cost here, in the machine's own time, rounded up.
    static readonly TimeSpan s_perDescriptor = TimeSpan.FromMicroseconds(120);
    static readonly TimeSpan s_perFingerprint = TimeSpan.FromMicroseconds(2);
    static readonly TimeSpan s_perItem = TimeSpan.FromMicroseconds(2);

    readonly WorkBudget _reading = new(TimeSpan.FromMilliseconds(50));
    readonly WorkBudget _checking = new(TimeSpan.FromMilliseconds(50));
    readonly Queue<SignedDescriptor> _published = [];
    readonly WorkDemand _demand = new(rules.WorkBits);

    /// <summary>What a published descriptor must keep to.</summary>
    public DescriptorRules Rules { get; set; } = rules;

    /// <summary>Relays in the network, as this node estimates; 0: as many as it holds.</summary>
    public uint Estimate { get; set; }

    /// <summary>The root of the newest settled epoch.</summary>
    public DirectoryRoot Root { get; set; }

    /// <summary>This node's own newest descriptor, by which it answers who it is; null: it does not say.</summary>
    public SignedDescriptor? Self { get; set; }

    /// <summary>
    /// A good descriptor that the directory does not hold yet: its endpoints are to be proven, then it is offered to the
    /// directory.
    /// </summary>
    public bool TryTakePublished(out SignedDescriptor signed) => _published.TryDequeue(out signed!);

    /// <param name="request">Body of a Directory control message.</param>
    /// <param name="answer">At most <see cref="DirectoryMessage.MaxSize"/> bytes; empty unless answered.</param>
    public ServiceVerdict Answer(ReadOnlySpan<byte> request, Instant now, out byte[] answer)
    {
        answer = [];
        directory.Advance(now);
        if (DirectoryCodec.Decode(request) is not { } message)
            return ServiceVerdict.Malformed;
        DirectoryMessage? reply;
        switch (message)
        {
            case AskRoot:
                reply = new RootTold(
                    directory.Epoch, Root.Epoch, Root.Sketch, (uint)directory.Count, Math.Max(Estimate, (uint)directory.Count),
                    (byte)_demand.Bits(directory.Count, now));
                break;
            case AskSelf:
                reply = new SelfTold(Self is null ? [] : Self.Encode().ToArray());
                break;
            case EpochQuestion m when m.Epoch != directory.Epoch:
                reply = new OtherEpoch(directory.Epoch);
                break;
            case AskShard m:
                reply = List(m, now);
                break;
            case Reconcile m:
                reply = Compare(m, now);
                break;
            case Fetch m:
                reply = Find(m, now);
                break;
            case Publish m:
                reply = new Published([.. m.Descriptors.Select(d => Take(d.Span, now))]);
                break;
            default:
                return ServiceVerdict.Malformed;
        }
        if (reply is null)
            return ServiceVerdict.Busy;
        answer = DirectoryCodec.Encode(reply);
        return ServiceVerdict.Answered;
    }

    ShardListed? List(AskShard asked, Instant now)
    {
        if (!_reading.TrySpend(s_perItem * DirectoryMessage.MostItems, now))
            return null;
        var shard = asked.Shard;
        var items = directory.Between(Math.Max(shard.First, asked.From), shard.Last)
            .Take(DirectoryMessage.MostItems + 1).Select(directory.ItemOf).ToArray();
        var more = items.Length > DirectoryMessage.MostItems;
        return new ShardListed(directory.Epoch, (uint)directory.Summarize(shard.First, shard.Last).Count, more, more ? items[..^1] : items);
    }

    Reconciled? Compare(Reconcile asked, Instant now)
    {
        const int SplitSize = 1 + PositionRange.Parts * sizeof(ulong);
        var room = DirectoryMessage.MaxSize - 6;
        var contents = new List<RangeContent>();
        foreach (var range in asked.Ranges)
        {
            var count = directory.Summarize(range.First, range.Last).Count;
            var lists = count <= ListedAtOnce || !range.CanSplit;
            var size = lists ? 2 + Math.Min(count, ListedAtOnce) * DirectoryItem.Size : SplitSize;
            if (size > room)
                break;
            if (!_reading.TrySpend(lists ? s_perItem * count : s_perFingerprint * PositionRange.Parts, now))
                return null;
            room -= size;
            contents.Add(lists
                ? new RangeItems([.. directory.Between(range.First, range.Last).Take(ListedAtOnce).Select(directory.ItemOf)])
                : new RangeSplit([.. Enumerable.Range(0, PositionRange.Parts).Select(part => directory.Fingerprint(range.Part(part), asked.Salt))]));
        }
        return new Reconciled(directory.Epoch, contents);
    }

    Fetched? Find(Fetch asked, Instant now)
    {
        if (!_reading.TrySpend(s_perItem * asked.Positions.Count, now))
            return null;
        var room = DirectoryMessage.MaxSize - 3;
        var found = new List<ReadOnlyMemory<byte>>();
        var considered = 0;
        foreach (var position in asked.Positions)
        {
            if (directory.Between(position.Value, position.Value).FirstOrDefault() is { } signed)
            {
                room -= 2 + signed.Encode().Length;
                if (room < 0 || found.Count == DirectoryMessage.MostDescriptors)
                    break;
                found.Add(signed.Encode().ToArray());
            }
            considered++;
        }
        return new Fetched(considered, found);
    }

    PublishVerdict Take(ReadOnlySpan<byte> bytes, Instant now)
    {
        // A copy of what is held costs no signature check.
        if (bytes.Length > SignedDescriptor.HeaderSize && directory.Find(new NodeId(bytes[..NodeId.Size])) is { } held
            && held.Encode().SequenceEqual(bytes))
            return PublishVerdict.Known;
        if (_published.Count >= MostPublished || !_checking.TrySpend(s_perDescriptor, now))
            return PublishVerdict.Busy;
        var verdict = SignedDescriptor.TryDecode(bytes, Rules, now, out var signed);
        if (verdict != DescriptorVerdict.Valid)
            return verdict == DescriptorVerdict.TooLittleWork ? PublishVerdict.TooLittleWork : PublishVerdict.Invalid;
        if (directory.Find(signed!.Id) is { } known)
        {
            if (!signed.Supersedes(known))
                return PublishVerdict.Known;
        }
        else if (Rules.WorkBits > 0)
        {
            if (ProofOfWork.Bits(signed.Id, signed.Descriptor.Epoch, signed.Descriptor.ProofOfWork) < _demand.Bits(directory.Count, now))
                return PublishVerdict.TooLittleWork;
            _demand.NoteNewcomer(now);
        }
        _published.Enqueue(signed);
        return PublishVerdict.Pending;
    }
}
