using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Macro.Core;

namespace Macro.Peers;

/// <summary>One descriptor of a directory file: its line, and what it is worth.</summary>
public readonly record struct DirectoryFileEntry(int Line, DescriptorVerdict Verdict, SignedDescriptor? Signed);

/// <summary>
/// Descriptors as a text that can be mailed: a first line that names format and network, then one descriptor in base64 for
/// each line; '#' begins a comment. docs/protocol/directory-file.md.
/// </summary>
public static class DirectoryFile
{
    /// <summary>Most characters of a file that is read.</summary>
    public const int MaxSize = 64 << 20;

    const string Magic = "macro-directory 1 ";

    /// <param name="network">Name of the network, without line breaks.</param>
    public static string Write(string network, IEnumerable<SignedDescriptor> descriptors)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(descriptors);
        if (network.AsSpan().ContainsAny('\r', '\n'))
            throw new ArgumentException("A network's name has no line breaks.", nameof(network));
        var text = new StringBuilder(Magic).Append(network).Append('\n');
        foreach (var signed in descriptors)
        {
            var d = signed.Descriptor;
            var parts = d.IsExit ? "exit" : d.IsRelay ? "relay" : "node";
            text.Append(CultureInfo.InvariantCulture, $"# {signed.Id} {parts} {d.Region}\n");
            text.Append(Convert.ToBase64String(signed.Encode())).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>
    /// Reads a file. False when it is not one at all; else every descriptor with its verdict, the bad ones too, so that
    /// one expired relay does not spoil the rest. A line that is not base64 counts as malformed.
    /// </summary>
    public static bool TryRead(
        ReadOnlySpan<char> text, DescriptorRules rules, Instant now, out string network, out IReadOnlyList<DirectoryFileEntry> entries)
    {
        network = "";
        entries = [];
        if (text.Length > MaxSize || !text.StartsWith(Magic, StringComparison.Ordinal))
            return false;
        var read = new List<DirectoryFileEntry>();
        var number = 0;
        var buffer = new byte[SignedDescriptor.MaxSize + 3];
        foreach (var raw in text.EnumerateLines())
        {
            number++;
            var line = raw.Trim();
            if (number == 1)
                network = line[Math.Min(Magic.Length, line.Length)..].ToString();
            else if (line is not ([] or ['#', ..]))
            {
                SignedDescriptor? signed = null;
                var verdict = Convert.TryFromBase64Chars(line, buffer, out var length)
                    ? SignedDescriptor.TryDecode(buffer.AsSpan(0, length), rules, now, out signed)
                    : DescriptorVerdict.Malformed;
                read.Add(new DirectoryFileEntry(number, verdict, signed));
            }
        }
        entries = read;
        return true;
    }
}
