namespace Macro.Linux;

/// <summary>
/// Lets through a tunnel's interface only what this machine began itself: the far end of a circuit is a stranger, and a
/// service that listens on all addresses is not for him. Disposing removes the table.
/// </summary>
public sealed class InboundGuard : IDisposable
{
    readonly OwnTable _table;

    InboundGuard(OwnTable table) => _table = table;

    /// <param name="interfaceName">The tunnel's interface; it must exist.</param>
    /// <exception cref="LinuxException">nft refused; nothing is left in place.</exception>
    public static InboundGuard Install(string interfaceName)
    {
        var table = new OwnTable(interfaceName, "_inbound", "keep strangers out of the tunnel");
        table.Install($$"""
                chain input {
                    type filter hook input priority filter; policy accept;
                    iifname "{{interfaceName}}" ct state established,related accept
                    iifname "{{interfaceName}}" drop
                }
            """);
        return new InboundGuard(table);
    }

    public void Dispose() => _table.Remove();
}
