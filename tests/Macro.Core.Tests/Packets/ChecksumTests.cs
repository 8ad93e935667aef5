using CsCheck;
using Macro.Core.Packets;

namespace Macro.Core.Tests.Packets;

public class ChecksumTests
{
    [Fact]
    public void The_example_of_rfc_1071_sums_up() =>
        Assert.Equal(0xddf2, Checksum.Sum([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]));

    [Fact]
    public void Equals_the_naive_sum() =>
        Gen.Byte.Array[0, 2000].Sample(bytes => Checksum.Sum(bytes) == Naive(bytes));

    [Fact]
    public void Longest_packet_of_all_ones_does_not_overflow()
    {
        var bytes = new byte[65535];
        bytes.AsSpan().Fill(0xff);

        Assert.Equal(Naive(bytes), Checksum.Sum(bytes));
    }

    [Fact]
    public void Even_pieces_add_up() =>
        Gen.Select(Gen.Byte.Array[0, 300], Gen.Int[0, 150]).Sample((bytes, cut) =>
        {
            cut = Math.Min(2 * cut, bytes.Length & ~1);
            return Checksum.Sum(bytes.AsSpan(cut..), Checksum.Sum(bytes.AsSpan(..cut))) == Naive(bytes);
        });

    [Fact]
    public void An_update_equals_a_new_computation() =>
        Gen.Select(Gen.Byte.Array[20, 60], Gen.Byte.Array[4], Gen.Int[0, 8]).Sample((bytes, replacement, place) =>
        {
            bytes[0] = 0x45;
            var at = 2 + 2 * place;
            if (at + 4 > bytes.Length)
                return true;
            var old = Checksum.Finish(Naive(bytes));
            var before = Checksum.Sum(bytes.AsSpan(at, 4));
            replacement.CopyTo(bytes, at);
            return Checksum.Update(old, before, Checksum.Sum(replacement)) == Checksum.Finish(Naive(bytes));
        });

    [Fact]
    public void An_update_to_the_same_changes_nothing_it_should_not() =>
        Gen.Select(Gen.UShort, Gen.UShort).Sample((checksum, word) =>
            checksum == 0xffff || Checksum.Update(checksum, word, word) == checksum);

    [Theory]
    [InlineData("192.0.2.1", "198.51.100.2")]
    [InlineData("2001:db8::1", "2001:db8:ffff::2")]
    public void A_pseudo_header_sums_as_if_written_out(string source, string destination)
    {
        var (from, to) = (IpAddress.Parse(source), IpAddress.Parse(destination));
        byte[] written = [.. from.ToSystem().GetAddressBytes(), .. to.ToSystem().GetAddressBytes(), 0, 0, 0x04, 0xd2, 0, 0, 0, 17];

        Assert.Equal(Naive(written), Checksum.PseudoHeader(from, to, IpProtocol.Udp, 1234));
    }

    static ushort Naive(ReadOnlySpan<byte> bytes)
    {
        long sum = 0;
        for (var i = 0; i < bytes.Length; i++)
            sum += (i & 1) == 0 ? bytes[i] << 8 : bytes[i];
        while (sum > 0xffff)
            sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)sum;
    }
}
