using Macro.Core;
using Macro.Crypto;

namespace Macro.Dht;

/// <summary>Something that the owner of a node wants to know.</summary>
public abstract record DhtEvent;

/// <summary>The way into the network was tried. With no contacts it is tried again, later and later.</summary>
/// <param name="V4">Which of the two networks (BEP 32).</param>
public sealed record Joined(bool V4, int Contacts) : DhtEvent;

/// <summary>Most of those who answer see us at this endpoint; the id is now the one that belongs to the address.</summary>
public sealed record AddressLearned(Endpoint Seen, Id160 Id) : DhtEvent;

/// <summary>Something about an operation that the owner started.</summary>
/// <param name="Operation">The number that the start returned.</param>
public abstract record OperationEvent(int Operation) : DhtEvent;

/// <param name="Id">Null when the node did not answer.</param>
public sealed record Pinged(int Operation, Endpoint Endpoint, Id160? Id, TimeSpan RoundTrip) : OperationEvent(Operation);

/// <summary>A node was asked directly for an item.</summary>
/// <param name="Id">Null when it did not answer.</param>
/// <param name="Item">Null when it holds none, or none that is mutable.</param>
public sealed record ItemAnswered(int Operation, Endpoint Endpoint, Id160? Id, RawItem? Item, TimeSpan RoundTrip) : OperationEvent(Operation);

/// <param name="Closest">Nodes that answered, closest first.</param>
public sealed record NodesFound(int Operation, IReadOnlyList<NodeInfo> Closest, LookupReport Report) : OperationEvent(Operation);

/// <summary>Peers that were not told before; comes any number of times.</summary>
public sealed record PeersFound(int Operation, IReadOnlyList<Endpoint> Peers) : OperationEvent(Operation);

/// <summary>A search for peers is over.</summary>
/// <param name="Announced">Nodes that took our own announcement.</param>
public sealed record PeersEnded(int Operation, int Peers, int Announced, LookupReport Report) : OperationEvent(Operation);

/// <summary>A valid item came in; one with a higher seq may follow until the <see cref="GetEnded"/>.</summary>
public sealed record ItemFound(int Operation, MutableItem Item) : OperationEvent(Operation);

/// <summary>A get is over.</summary>
/// <param name="Value">Bencode, as it was stored; empty when nothing was found.</param>
/// <param name="Item">Of a mutable get the item with the highest seq; null when nothing was found.</param>
public sealed record GetEnded(int Operation, ReadOnlyMemory<byte> Value, MutableItem? Item, LookupReport Report) : OperationEvent(Operation);

/// <summary>A put is over.</summary>
/// <param name="Stored">Nodes that took the item.</param>
/// <param name="Refused">How many nodes refused it with which error.</param>
/// <param name="Newer">An item with a higher seq that was met on the way; of a put with cas, one that follows the same item.</param>
public sealed record PutEnded(
    int Operation, Id160 Target, int Stored, IReadOnlyDictionary<ErrorCode, int> Refused, MutableItem? Newer, LookupReport Report)
    : OperationEvent(Operation);
