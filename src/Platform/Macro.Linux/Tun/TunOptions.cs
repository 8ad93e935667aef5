namespace Macro.Linux;

/// <summary>How a TUN device is opened.</summary>
public sealed record TunOptions
{
    /// <summary>Inner MTU, 576..65535 bytes; null leaves what the kernel gives (1500) or what the device has.</summary>
    public int? Mtu { get; init; }

    /// <summary>
    /// Lets the kernel pass whole TCP and UDP flights of up to 64 KiB, which are cut and joined here. On by default;
    /// off, every packet is a system call.
    /// </summary>
    public bool Offload { get; init; } = true;
}
