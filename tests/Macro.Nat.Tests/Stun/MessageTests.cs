using Macro.Core;
using Macro.Nat.Stun;

namespace Macro.Nat.Tests.Stun;

public class MessageTests
{
    static readonly TransactionId s_id = new(0xb7e7a701, 0xbc34d686fa87dfae);

    [Theory]
    [MemberData(nameof(StunVector.Names), MemberType = typeof(StunVector))]
    public void Reads_the_vectors_of_the_rfc(string name)
    {
        var vector = StunVector.Of(name);

        var message = vector.Parse();

        Assert.Equal(MessageView.Binding, message.Method);
        Assert.True(message.IsAuthentic(vector.Key));
        Assert.False(message.IsAuthentic("another key"u8));
    }

    [Theory]
    [MemberData(nameof(StunVector.Names), MemberType = typeof(StunVector))]
    public void No_bit_of_a_vector_can_change_unseen(string name)
    {
        var vector = StunVector.Of(name);
        for (var bit = 0; bit < vector.Message.Length * 8; bit++)
        {
            var bytes = (byte[])vector.Message.Clone();
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));

            Assert.False(MessageView.TryParse(bytes, out var message) && message.IsAuthentic(vector.Key) && (name.StartsWith("long", StringComparison.Ordinal) || message.HasFingerprint), $"bit {bit}");
        }
    }

    [Theory]
    [MemberData(nameof(StunVector.Names), MemberType = typeof(StunVector))]
    public void Writes_the_vectors_of_the_rfc(string name)
    {
        var vector = StunVector.Of(name);
        var message = vector.Parse();
        var room = new byte[256];
        var writer = new MessageWriter(room, message.Class, message.Method, message.Transaction);
        foreach (var attribute in message)
        {
            switch (attribute.Type)
            {
                case AttributeType.MessageIntegrity:
                    writer.AddIntegrity(vector.Key);
                    break;
                case AttributeType.MessageIntegritySha256:
                    writer.AddIntegritySha256(vector.Key);
                    break;
                case AttributeType.Fingerprint:
                    writer.AddFingerprint();
                    break;
                case AttributeType.XorMappedAddress:
                    message.TryGetMapped(out var mapped);
                    writer.AddXorMapped(mapped);
                    break;
                default:
                    writer.Add(attribute.Type, attribute.Value, padding: (byte)(name.StartsWith("long", StringComparison.Ordinal) ? 0 : ' '));
                    break;
            }
        }

        Assert.Equal(Convert.ToHexString(vector.Message), Convert.ToHexString(room, 0, writer.Length));
    }

    [Theory]
    [InlineData("ipv4", "192.0.2.1:32853")]
    [InlineData("ipv6", "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    public void Unmasks_the_mapped_address(string name, string endpoint)
    {
        Assert.True(StunVector.Of(name).Parse().TryGetMapped(out var mapped));
        Assert.Equal(Endpoint.Parse(endpoint), mapped);
    }

    [Fact]
    public void Attributes_behind_the_integrity_do_not_count()
    {
        var room = new byte[128];
        var writer = new MessageWriter(room, MessageClass.Success, MessageView.Binding, s_id);
        writer.AddIntegrity("key"u8);
        writer.AddXorMapped(Endpoint.Parse("192.0.2.1:1"));
        writer.AddFingerprint();

        Assert.True(MessageView.TryParse(room.AsSpan(0, writer.Length), out var message));
        Assert.False(message.TryGetMapped(out _));
        Assert.True(message.HasFingerprint);
    }

    [Theory]
    [InlineData(MessageClass.Request, 0x001)]
    [InlineData(MessageClass.Indication, 0xfff)]
    [InlineData(MessageClass.Success, 0x080)]
    [InlineData(MessageClass.Error, 0x70)]
    public void Class_and_method_share_a_field(MessageClass kind, ushort method)
    {
        var room = new byte[20];
        _ = new MessageWriter(room, kind, method, s_id);

        Assert.True(MessageView.TryParse(room, out var message));
        Assert.Equal((kind, method, s_id), (message.Class, message.Method, message.Transaction));
    }

    [Theory]
    [InlineData("000100002112a442b7e7a701bc34d686fa87dfae00", "bytes behind the message")]
    [InlineData("000100002112a443b7e7a701bc34d686fa87dfae", "another cookie")]
    [InlineData("400100002112a442b7e7a701bc34d686fa87dfae", "a first bit of no STUN message")]
    [InlineData("000100042112a442b7e7a701bc34d686fa87dfae", "a length that is not there")]
    [InlineData("000100042112a442b7e7a701bc34d686fa87dfae80220004", "an attribute beyond the end")]
    [InlineData("000100082112a442b7e7a701bc34d686fa87dfae802800040000 0000", "a wrong fingerprint")]
    [InlineData("0001000c2112a442b7e7a701bc34d686fa87dfae80280004000000008022 0000", "a fingerprint that is not the last")]
    public void Refuses(string hex, string what)
    {
        Assert.False(MessageView.TryParse(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)), out _), what);
    }

    [Fact]
    public void Knows_the_checksum_of_the_nine_digits() => Assert.Equal(0xcbf43926, Crc32.Of("123456789"u8));
}
