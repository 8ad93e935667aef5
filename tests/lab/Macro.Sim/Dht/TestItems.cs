using Macro.Crypto;
using Macro.Dht;

namespace Macro.Sim;

/// <summary>Mutable items with keys by number.</summary>
static class TestItems
{
    public static MutableItem Make(int number, long sequence = 1, int size = 100)
    {
        var seed = new byte[32];
        BitConverter.TryWriteBytes(seed, number + 1);
        using var key = new SigningKey(seed);
        return MutableItem.Sign(key, [], sequence, ItemValue.FromBytes(new byte[size]));
    }
}
