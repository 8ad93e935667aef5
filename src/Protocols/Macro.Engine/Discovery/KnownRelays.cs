using Macro.Core;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>How a node knows that a relay is what its descriptor says. The higher counts for more.</summary>
public enum Verification
{
    /// <summary>Known in an earlier run.</summary>
    Cached,

    /// <summary>It stood in a directory file.</summary>
    File,

    /// <summary>Relays of different networks list it alike.</summary>
    Agreed,

    /// <summary>Its own endpoint gave out its descriptor.</summary>
    Answered,

    /// <summary>It answered a handshake under its relay key at every endpoint that it lists and that can be reached from here.</summary>
    Handshake,

    /// <summary>This node.</summary>
    Self,
}

/// <summary>A relay, and how it is known.</summary>
public sealed record KnownRelay(SignedDescriptor Signed, Verification Verified);

/// <summary>The relays that this node would use or pass on, and how it knows each.</summary>
sealed class KnownRelays(DescriptorRules rules)
{
    /// <summary>A relay that was met under this key at these endpoints need not be met again for so long.</summary>
    static readonly TimeSpan s_proofLasts = TimeSpan.FromHours(12);

    sealed record Proof(Verification How, SignedDescriptor Of, Instant At);

    readonly Dictionary<NodeId, Proof> _proofs = [];

    public RelayDirectory Directory { get; } = new(rules.Network);

    /// <summary>Goes up whenever <see cref="Current"/> would tell something else.</summary>
    public long Version { get; private set; }

    public IEnumerable<KnownRelay> Current(Instant now) =>
        Directory.Current(now).Select(signed => new KnownRelay(signed, _proofs.TryGetValue(signed.Id, out var proof) ? proof.How : Verification.Cached));

    public void Offer(SignedDescriptor signed, Verification how, Instant now)
    {
        var change = Directory.Offer(signed, now);
        if (change == DirectoryChange.Full)
            return;
        if (change != DirectoryChange.Known)
            Version++;
        if (!_proofs.TryGetValue(signed.Id, out var proof) || how >= proof.How || !IsSame(proof.Of, signed))
            _proofs[signed.Id] = new Proof(how, signed, now);
    }

    /// <summary>Whether the relay was met under the key and at the endpoints of this descriptor not long ago.</summary>
    public bool IsProven(SignedDescriptor signed, Instant now) =>
        _proofs.TryGetValue(signed.Id, out var proof) && proof.How >= Verification.Handshake && now - proof.At < s_proofLasts && IsSame(proof.Of, signed);

    public void Advance(Instant now)
    {
        if (Directory.Advance(now) == 0)
            return;
        Version++;
        foreach (var id in _proofs.Keys)
            if (Directory.Find(id) is null)
                _proofs.Remove(id);
    }

    static bool IsSame(SignedDescriptor a, SignedDescriptor b) =>
        a.Descriptor.RelayKey == b.Descriptor.RelayKey && a.Descriptor.Endpoints.SequenceEqual(b.Descriptor.Endpoints);
}
