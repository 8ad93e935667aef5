namespace Macro.Dht;

/// <summary>What a look-up cost and found, over both families.</summary>
/// <param name="Elapsed">From the call to the end.</param>
/// <param name="Queries">Datagrams sent, repetitions included; without those that store.</param>
/// <param name="Answers">Nodes that answered.</param>
/// <param name="Crowded">
/// Around the key are more nodes than chance puts there: an eclipse or Sybil attack is likely. The search has gone on to
/// three times as many nodes.
/// </param>
public sealed record LookupReport(TimeSpan Elapsed, int Queries, int Answers, bool Crowded);
