using Macro.Core;
using Macro.Nat.Stun;

namespace Macro.Nat.Classification;

/// <summary>The sockets of an examination.</summary>
public enum ProbeSocket
{
    /// <summary>The node's own, with its real traffic.</summary>
    Node,

    /// <summary>Two fresh ones, for what must not have been sent to before.</summary>
    First,
    Second,
}

/// <summary>
/// Finds out what stands between us and the network, for one address family: asks up to eight STUN servers from the node's
/// own socket, then (where one has a second address, RFC 5780) what is let in, then whether the gateway leads us back to
/// ourselves, and at leisure how long a mapping lives. Feeds a <see cref="NatClassifier"/>.
/// </summary>
public sealed class NatExamination
{
    const int MostServers = 8;

    enum Step
    {
        Mapping,
        Opening,
        Filtering,
        Waiting,
        Poking,
        Done,
    }

    readonly NatClassifier _classifier;
    readonly bool _learnLifetime, _asked;
    readonly Outbox[] _outboxes = [new(1 << 14, 64), new(1 << 14, 64), new(1 << 14, 64)];
    readonly BindingClient[] _clients;
    readonly List<BindingResult> _answers = [];
    readonly Endpoint[] _mapped = new Endpoint[3];
    readonly Dictionary<int, ChangeRequest> _changes = [];
    BindingResult? _chosen;
    Step _step = Step.Mapping;
    Instant _silentSince;
    bool _hairpin, _poked;

    /// <param name="servers">Asked in this order; the first eight count.</param>
    /// <param name="learnLifetime">Takes 10 to 100 s longer.</param>
    public NatExamination(IEnumerable<Endpoint> servers, NatClassifier classifier, bool learnLifetime, IRandom random, Instant now)
    {
        ArgumentNullException.ThrowIfNull(servers);
        (_classifier, _learnLifetime) = (classifier, learnLifetime);
        _clients = [.. _outboxes.Select(outbox => new BindingClient(random, outbox))];
        foreach (var server in servers.Take(MostServers))
            _asked |= _clients[0].Ask(server, Retransmission.Brief, now) != 0;
        Proceed(now);
    }

    public bool IsDone => _step == Step.Done;

    /// <summary>What the servers answered, for the table of round trips.</summary>
    public IReadOnlyList<BindingResult> Answers => _answers;

    public Instant NextTimeout
    {
        get
        {
            var next = _step == Step.Waiting ? _silentSince + _classifier.Lifetime.Next!.Value : Instant.Never;
            foreach (var client in _clients)
                next = Instant.Min(next, client.NextTimeout);
            return next;
        }
    }

    /// <summary>Until then nothing is to be sent: a mapping is left alone to see how long it lives. Long ago, when there is none.</summary>
    public Instant SilentUntil => _step == Step.Waiting && IsQuiet ? NextTimeout : default;

    /// <summary>To be sent from that socket.</summary>
    public Outbox OutboxOf(ProbeSocket socket) => _outboxes[(int)socket];

    /// <summary>A datagram of that socket that looks like STUN. False when it is none of ours.</summary>
    public bool TryHandle(ProbeSocket socket, ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        var ours = _clients[(int)socket].TryHandle(datagram, source, now);
        if (!ours && socket != ProbeSocket.Node && MessageView.TryParse(datagram, out var message))
        {
            // A request between our own two sockets came back from the gateway; an answer came to the port that it was asked to.
            ours = true;
            _hairpin |= message.Class == MessageClass.Request && _step == Step.Filtering;
            _poked |= message.Class == MessageClass.Success && _step == Step.Poking && socket == ProbeSocket.First && source == _chosen!.Server;
        }
        Proceed(now);
        return ours;
    }

    public void HandleTimeout(Instant now)
    {
        foreach (var client in _clients)
            client.HandleTimeout(now);
        Proceed(now);
    }

    bool BothMapped => !_mapped[1].IsNone && !_mapped[2].IsNone;

    bool IsQuiet => _clients.All(client => client.Pending == 0);

    void Proceed(Instant now)
    {
        for (var i = 0; i < _clients.Length; i++)
            while (_clients[i].TryTakeResult(out var result))
                Take((ProbeSocket)i, result, now);
        switch (_step)
        {
            case Step.Mapping when IsQuiet:
                Open(now);
                break;
            case Step.Opening when IsQuiet:
                Filter(now);
                break;
            case Step.Filtering when IsQuiet:
                if (BothMapped)
                    _classifier.ObserveHairpin(_hairpin);
                Wait(now);
                break;
            case Step.Waiting when NextTimeout <= now:
                Poke(now);
                break;
            case Step.Poking when IsQuiet || _poked:
                _classifier.ObserveLifetime(_classifier.Lifetime.Next!.Value, _poked);
                Wait(now);
                break;
            default:
                break;
        }
    }

    void Take(ProbeSocket socket, BindingResult result, Instant now)
    {
        if (_step == Step.Mapping && result.Outcome == BindingOutcome.Answered)
        {
            _answers.Add(result);
            _classifier.Observe(new Observation(result.Server, result.Mapped, now));
            if (_chosen is null || _chosen.Other.IsNone && !result.Other.IsNone)
                _chosen = result;
        }
        else if (_step is Step.Opening or Step.Waiting && result.Outcome == BindingOutcome.Answered)
            _mapped[(int)socket] = result.Mapped;
        else if (_step == Step.Filtering && socket == ProbeSocket.First && _changes.Remove(result.Number, out var change) && result.Outcome != BindingOutcome.Refused)
            _classifier.ObserveFiltering(change, result.Outcome == BindingOutcome.Answered && result.From != result.Server);
    }

    void Open(Instant now)
    {
        if (_chosen is null)
        {
            if (_asked)
                _classifier.ObserveSilence();
            _step = Step.Done;
            return;
        }
        // Answers come in any order; a sequential NAT shows only in that of the requests.
        foreach (var answer in _answers.OrderBy(answer => answer.Number))
            _classifier.Observe(new Observation(answer.Server, answer.Mapped, now));
        _step = Step.Opening;
        _clients[1].Ask(_chosen.Server, Retransmission.Brief, now);
        _clients[2].Ask(_chosen.Server, Retransmission.Brief, now);
    }

    void Filter(Instant now)
    {
        _step = Step.Filtering;
        if (!_chosen!.Other.IsNone)
            foreach (var change in (ReadOnlySpan<ChangeRequest>)[ChangeRequest.Both, ChangeRequest.Port])
                _changes[_clients[1].Ask(_chosen.Server, Retransmission.Brief, now, change)] = change;
        // Both send: a gateway that filters lets in only what was sent to.
        if (BothMapped)
        {
            _clients[1].Ask(_mapped[2], Retransmission.Brief, now);
            _clients[2].Ask(_mapped[1], Retransmission.Brief, now);
        }
        else
            Proceed(now);
    }

    /// <summary>Leaves the first socket's mapping alone from now on.</summary>
    void Wait(Instant now)
    {
        if (!_learnLifetime || _classifier.Lifetime.Next is null || _mapped[1].IsNone || _mapped[1].Address != _mapped[2].Address)
        {
            _step = Step.Done;
            return;
        }
        _step = Step.Waiting;
        // Opened anew, for the last probe has used it.
        _clients[1].Ask(_chosen!.Server, new Retransmission { Requests = 1, LastWait = 1 }, now);
        _silentSince = now;
    }

    void Poke(Instant now)
    {
        _step = Step.Poking;
        _poked = false;
        _clients[2].Ask(_chosen!.Server, Retransmission.Brief, now, responsePort: _mapped[1].Port);
    }
}
