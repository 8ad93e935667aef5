using System.Security.Cryptography;
using Macro.Core;

namespace Macro.Linux;

/// <summary>The operating system's cryptographic generator.</summary>
public sealed class SystemRandom : IRandom
{
    public static readonly SystemRandom Shared = new();

    public void Fill(Span<byte> bytes) => RandomNumberGenerator.Fill(bytes);
}
