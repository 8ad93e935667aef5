using Macro.Core;

namespace Macro.Peers;

/// <summary>
/// Brings this node's directory and another relay's into step: the asking side of one reconciliation, docs/protocol/directory.md.
/// It asks in small questions, several at once, compares, fetches what it lacks and publishes what the other lacks. The caller carries
/// <see cref="TryTakeRequest"/> to the relay and <see cref="HandleAnswer"/> back, and proves what <see cref="TryTakeFetched"/>
/// yields before it offers that to the directory.
/// </summary>
/// <param name="directory">This node's. The session holds for the epoch that <paramref name="now"/> is in.</param>
/// <param name="knows">Items that this node has met already, although its directory does not hold them: not proven yet, or refused.</param>
public sealed class Reconciler(RelayDirectory directory, DescriptorRules rules, IRandom random, Func<DirectoryItem, bool> knows, Instant now)
{
    /// <summary>Questions under way at once.</summary>
    public const int Window = 8;

    /// <summary>
    /// Questions about ranges that one session asks at most: enough for two directories of 200 000 with nothing in common. A
    /// relay whose fingerprints are noise wastes no more than that.
    /// </summary>
    public const int MostQuestions = 4096;

    const int RangesAtOnce = 24;

    readonly Queue<PositionRange> _ranges = new([PositionRange.All]);
    readonly Queue<Position> _wanted = [];
    readonly Queue<SignedDescriptor> _lacking = [];
    readonly Queue<SignedDescriptor> _fetched = [];
    readonly Dictionary<int, DirectoryMessage> _outstanding = [];
    readonly uint _epoch = EpochAt(directory, now);
    int _next;

    /// <summary>Nothing more to ask; <see cref="TryTakeFetched"/> may still hold something.</summary>
    public bool IsDone => Failed || (_outstanding.Count == 0 && _ranges.Count + _wanted.Count + _lacking.Count == 0);

    /// <summary>The other side gave no proper answer, is in another epoch, or leads us on: try another one.</summary>
    public bool Failed { get; private set; }

    /// <summary>Descriptors that the next question is for: any relay that holds them can answer it. 0: it is for the other side alone.</summary>
    public int Wanted => _ranges.Count > 0 ? 0 : _wanted.Count;

    /// <summary>Questions about ranges so far.</summary>
    public int Questions { get; private set; }

    /// <summary>Items that the other held and we did not.</summary>
    public int Found { get; private set; }

    /// <summary>Items that we held and the other did not.</summary>
    public int Offered { get; private set; }

    /// <summary>Bytes of questions and answers about ranges, in both directions; descriptors not counted.</summary>
    public long Overhead { get; private set; }

    /// <summary>The next question; false when there is none now.</summary>
    /// <param name="number">Goes with the answer.</param>
    public bool TryTakeRequest(out int number, out byte[] request)
    {
        (number, request) = (0, []);
        if (Failed || _outstanding.Count >= Window || NextQuestion() is not { } question)
            return false;
        number = _next++;
        _outstanding.Add(number, question);
        request = DirectoryCodec.Encode(question);
        if (question is Reconcile)
            Overhead += request.Length;
        return true;
    }

    /// <summary>What came back for the question of this number; empty bytes when nothing did, or a refusal.</summary>
    public void HandleAnswer(int number, ReadOnlySpan<byte> answer, Instant now)
    {
        if (!_outstanding.Remove(number, out var question) || Failed)
            return;
        switch (question, DirectoryCodec.Decode(answer))
        {
            case (Reconcile asked, Reconciled told) when told.Epoch == _epoch && directory.Epoch == _epoch && told.Contents.Count <= asked.Ranges.Count:
                Overhead += answer.Length;
                Compare(asked, told, now);
                break;
            case (Fetch asked, Fetched told) when told.Considered <= asked.Positions.Count:
                foreach (var position in asked.Positions.Skip(told.Considered))
                    _wanted.Enqueue(position);
                foreach (var descriptor in told.Descriptors)
                    if (SignedDescriptor.TryDecode(descriptor.Span, rules, now, out var signed) == DescriptorVerdict.Valid)
                        _fetched.Enqueue(signed!);
                break;
            case (Publish, Published):
                break;
            default:
                Failed = true;
                break;
        }
    }

    /// <summary>A descriptor that the other held: valid, and new to us.</summary>
    public bool TryTakeFetched(out SignedDescriptor signed) => _fetched.TryDequeue(out signed!);

    static uint EpochAt(RelayDirectory directory, Instant now)
    {
        directory.Advance(now);
        return directory.Epoch;
    }

    DirectoryMessage? NextQuestion()
    {
        if (_ranges.Count > 0)
        {
            if (++Questions > MostQuestions)
            {
                Failed = true;
                return null;
            }
            return new Reconcile(_epoch, random.NextUInt64(), Take(_ranges, RangesAtOnce));
        }
        if (_wanted.Count > 0)
            // As many as are likely to fit: three of the usual size, one more for those that are gone.
            return new Fetch(_epoch, Take(_wanted, 4));
        if (_lacking.Count == 0)
            return null;
        var room = DirectoryMessage.MaxSize - 2;
        var descriptors = new List<ReadOnlyMemory<byte>>();
        while (_lacking.TryPeek(out var signed) && descriptors.Count < DirectoryMessage.MostDescriptors && (room -= 2 + signed.Encode().Length) >= 0)
            descriptors.Add(_lacking.Dequeue().Encode().ToArray());
        return new Publish(descriptors);
    }

    void Compare(Reconcile asked, Reconciled told, Instant now)
    {
        for (var i = told.Contents.Count; i < asked.Ranges.Count; i++)
            _ranges.Enqueue(asked.Ranges[i]);
        for (var i = 0; i < told.Contents.Count; i++)
        {
            var range = asked.Ranges[i];
            switch (told.Contents[i])
            {
                case RangeItems items when items.Items.All(item => range.Contains(item.Position)):
                    Compare(range, items.Items, now);
                    break;
                case RangeSplit split when range.CanSplit:
                    for (var part = 0; part < PositionRange.Parts; part++)
                        if (split.Parts[part] != directory.Fingerprint(range.Part(part), asked.Salt))
                            _ranges.Enqueue(range.Part(part));
                    break;
                default:
                    Failed = true;
                    return;
            }
        }
    }

    void Compare(PositionRange range, IReadOnlyList<DirectoryItem> theirs, Instant now)
    {
        var mine = directory.Between(range.First, range.Last).ToDictionary(s => directory.PositionOf(s.Id));
        foreach (var item in theirs)
        {
            if (mine.Remove(item.Position, out var held))
            {
                var own = directory.ItemOf(held);
                if (own.Supersedes(item))
                    Offer(held);
                if (!item.Supersedes(own))
                    continue;
            }
            // What is about to expire, or should have, is not worth its bytes.
            if (knows(item) || Instant.FromUnixSeconds(item.Sequence) + rules.MaxValidity <= now)
                continue;
            Found++;
            _wanted.Enqueue(item.Position);
        }
        foreach (var held in mine.Values)
            Offer(held);
    }

    void Offer(SignedDescriptor signed)
    {
        Offered++;
        _lacking.Enqueue(signed);
    }

    static T[] Take<T>(Queue<T> queue, int most)
    {
        var taken = new T[Math.Min(most, queue.Count)];
        foreach (ref var one in taken.AsSpan())
            one = queue.Dequeue();
        return taken;
    }
}
