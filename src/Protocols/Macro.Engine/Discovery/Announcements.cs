using Macro.Core;
using Macro.Dht;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>
/// A relay's face in the DHT: announces it under its topics one after the other, answers with its descriptor whoever asks
/// for one of them, and stores the descriptor under its name. What too few nodes took is said again.
/// </summary>
sealed class Announcements(DhtNode dht, DiscoveryOptions options, IRandom random)
{
    /// <summary>Nodes that should have taken an announcement; in a small DHT there are fewer.</summary>
    const int Enough = 4;

    const int MostTries = 6;
    static readonly TimeSpan s_gap = TimeSpan.FromMilliseconds(500), s_retry = TimeSpan.FromSeconds(3);

    readonly Queue<Id160> _waiting = new();
    readonly Dictionary<int, Id160> _open = [];
    readonly Dictionary<uint, MutableItem> _items = [];
    readonly HashSet<Id160> _served = [];
    Instant _nextAt = Instant.Never, _againAt = Instant.Never;
    AnnounceDue? _last;
    ushort _port;
    int _tries;
    bool _tooFew;

    public Instant NextTimeout => Instant.Min(_nextAt, _againAt);

    public void Put(SignedDescriptor signed, long? previous, Instant now)
    {
        if (!MutableItem.TryVerify(
            signed.Id.Key, options.Rules.Network.Salt(signed.Descriptor.Epoch), signed.Sequence, signed.ToItemValue(), signed.Signature, out var item))
            throw new ArgumentException("The descriptor is not of this network.", nameof(signed));
        _items[signed.Descriptor.Epoch] = item;
        foreach (var gone in _items.Keys.Where(epoch => epoch + 1 < Epoch.At(now)).ToArray())
            _items.Remove(gone);
        _port = signed.Descriptor.Endpoints.Select(e => e.Port).FirstOrDefault();
        Serve(item.Target, item);
        // Clocks differ: whoever asks a moment too early or too late is answered, too.
        for (var epoch = Epoch.At(now) - 1; epoch <= Epoch.At(now) + 1; epoch++)
            Serve(TopicSearch.OwnTopic(options.Rules.Network, epoch), item);
        if (options.UsesDht)
            dht.PutMutable(item, previous, now);
    }

    public void Announce(AnnounceDue due, Instant now)
    {
        if (!options.UsesDht || !_items.TryGetValue(due.Epoch, out var item) && !_items.TryGetValue(due.Epoch - 1, out item))
            return;
        foreach (var topic in due.Topics.Select(topic => Id160.Read(topic)))
        {
            Serve(topic, item!);
            _waiting.Enqueue(topic);
        }
        (_last, _tries, _tooFew) = (due, 0, false);
        _nextAt = Instant.Min(_nextAt, now);
    }

    public void Handle(DhtEvent happened, Instant now)
    {
        switch (happened)
        {
            case PeersEnded ended when _open.Remove(ended.Operation):
                _tooFew |= ended.Announced < Enough;
                if (_tooFew && _open.Count == 0 && _waiting.Count == 0 && _tries < MostTries)
                    _againAt = now + s_retry * (1 << _tries) + random.NextTime(s_retry);
                break;
            // Under the new id we are somebody else, and until now there was nobody to tell.
            case AddressLearned or Joined { Contacts: > 0 } when _last is not null:
                _againAt = Instant.Min(_againAt, now + s_gap);
                break;
            case var _:
                break;
        }
    }

    public void HandleTimeout(Instant now)
    {
        if (now >= _againAt && _last is { } last)
        {
            var tries = _tries + 1;
            _againAt = Instant.Never;
            Announce(last, now);
            _tries = tries;
        }
        if (now < _nextAt)
            return;
        _nextAt = Instant.Never;
        if (_port == 0 || !_waiting.TryDequeue(out var topic))
            return;
        _open.Add(dht.Announce(topic, _port, implied: false, now), topic);
        _nextAt = _waiting.Count > 0 ? now + s_gap : Instant.Never;
    }

    public void Clear()
    {
        foreach (var target in _served)
            dht.StopServing(target);
        _served.Clear();
        _waiting.Clear();
        _open.Clear();
        _items.Clear();
        (_last, _nextAt, _againAt) = (null, Instant.Never, Instant.Never);
    }

    void Serve(Id160 target, MutableItem item)
    {
        // Topics of old epochs are nobody's; there is room for many, not for all.
        if (_served.Count >= 48)
        {
            foreach (var old in _served)
                dht.StopServing(old);
            _served.Clear();
        }
        _served.Add(target);
        dht.Serve(target, item);
    }
}
