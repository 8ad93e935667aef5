namespace Macro.Architecture.Tests;

/// <summary>The place of a file says what its code may do.</summary>
public class PurityTests
{
    /// <summary>All that code under src/Protocols may stand on besides the base library.</summary>
    static readonly Dictionary<string, string> PackagesOfPureCode = new(StringComparer.Ordinal)
    {
        ["NSec.Cryptography"] = "vetted X25519, Ed25519 and ChaCha20-Poly1305 (libsodium)",
        ["BouncyCastle.Cryptography"] = "vetted secp256k1 and Keccak; the second opinion on our BLAKE2s",
        ["System.Formats.Cbor"] = "deterministic CBOR for control messages and descriptors",
    };

    [Fact]
    public void Pure_code_stands_on_few_packages() =>
        Assert.Empty(
            from project in SourceProject.All
            where project.IsPure
            from package in project.Packages
            where !PackagesOfPureCode.ContainsKey(package)
            select $"{project.Name} -> {package}");

    [Fact]
    public void Pure_code_asks_for_no_further_framework() =>
        Assert.Empty(SourceProject.All.Where(project => project.IsPure).SelectMany(project => project.Items("FrameworkReference")));

    [Theory]
    [InlineData("N:System.Net.Sockets")]
    [InlineData("N:System.Threading.Tasks")]
    [InlineData("T:System.Threading.Thread")]
    [InlineData("T:System.TimeProvider")]
    [InlineData("T:System.Random")]
    [InlineData("T:System.IO.File")]
    public void Pure_code_is_banned_from(string symbol)
    {
        var banned = System.Text.Encoding.UTF8.GetString(Repository.Read("src/Protocols/BannedSymbols.txt")).Split('\n');

        Assert.Contains(banned, line => line.StartsWith(symbol + ";"));
    }

    [Fact]
    public void No_project_below_protocols_escapes_the_banned_symbols() =>
        Assert.Equal(
            ["src/Protocols/Directory.Build.props"],
            Repository.Files.Where(path => path.StartsWith("src/Protocols/") && (path.EndsWith(".props") || path.EndsWith(".targets") || path.EndsWith(".editorconfig"))));

    [Fact]
    public void Only_the_platform_may_be_unsafe() =>
        Assert.Equal(
            ["src/Platform/Directory.Build.props"],
            from path in Repository.Files
            where path.EndsWith(".csproj") || path.EndsWith(".props") || path.EndsWith(".targets")
            where Repository.ReadXml(path).Descendants().Any(item => item.Name.LocalName == "AllowUnsafeBlocks" && item.Value.Trim() != "false")
            select path);
}
