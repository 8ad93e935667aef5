using System.Security.Cryptography;
using System.Text;
using Macro.Nat.Stun;

namespace Macro.Nat.Tests.Stun;

/// <summary>One message of Vectors/stun.txt, with the key of its integrity.</summary>
public sealed record StunVector(string Name, byte[] Key, byte[] Message)
{
    static readonly StunVector[] s_all =
    [
        .. from line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Vectors", "stun.txt"))
           where !line.StartsWith('#')
           let parts = line.Split(' ')
           select new StunVector(parts[0], KeyOf(parts[1]), Convert.FromHexString(parts[2])),
    ];

    public static TheoryData<string> Names => [.. s_all.Select(vector => vector.Name)];

    public static StunVector Of(string name) => s_all.Single(vector => vector.Name == name);

    public MessageView Parse() => MessageView.TryParse(Message, out var message) ? message : throw new InvalidOperationException(Name);

    static byte[] KeyOf(string kind) => kind switch
    {
        "short" => "VOkJxbRl1RmTxUk/WvJxBt"u8.ToArray(),
        // MD5 of what the next line hashes.
        "md5" => Convert.FromHexString("e8ca7ad59d5eb0518e312911d2dab2a9"),
        _ => SHA256.HashData(Encoding.UTF8.GetBytes("マトリックス:example.org:TheMatrIX")),
    };
}
