using Macro.Core;

namespace Macro.NetStack;

/// <summary>The two ends of a TCP connection or UDP flow, seen from this host.</summary>
public readonly record struct FlowKey(Endpoint Local, Endpoint Remote);
