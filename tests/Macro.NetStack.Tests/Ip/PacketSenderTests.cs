using CsCheck;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack.Tests.Ip;

public class PacketSenderTests
{
    [Fact]
    public void Packets_leave_as_they_were_added_and_within_the_bound() =>
        Gen.Select(Gen.Int[100, 20000], Gen.Int[8, 3000].Array[1, 200], Gen.Bool.Array[200]).Sample((most, sizes, takes) =>
        {
            var queue = new PacketQueue(most);
            var expected = new Queue<byte[]>();
            var held = 0;
            for (var i = 0; i < sizes.Length; i++)
            {
                if (queue.TryAdd(new IpHeader(Wire.ClientV4, Wire.ServerV4, IpProtocol.Udp, 64), sizes[i], out var room))
                {
                    room.Fill((byte)i);
                    expected.Enqueue(room.ToArray());
                    held += sizes[i];
                }
                else if (expected.Count == 0 && sizes[i] <= most)
                    return false;
                if (held > most || queue.Count != expected.Count)
                    return false;
                while (takes[i] && expected.Count > 1)
                    if (!Take())
                        return false;
            }
            while (expected.Count > 0)
                if (!Take())
                    return false;
            return queue.Count == 0;

            bool Take()
            {
                var first = expected.Dequeue();
                var same = queue.Payload.SequenceEqual(first);
                held -= first.Length;
                queue.Remove();
                return same;
            }
        });

    [Theory]
    [InlineData(true, 9000)]
    [InlineData(false, 9000)]
    [InlineData(true, 65507)]
    [InlineData(false, 65527)]
    public void A_large_datagram_leaves_in_fragments_that_the_other_end_puts_together(bool v4, int size)
    {
        var (from, to) = (Wire.NewStack(), Wire.NewStack(new StackOptions { Addresses = [Wire.ClientV4, Wire.ClientV6] }));
        var inbox = new UdpInbox();
        to.TryBind(new Endpoint(Wire.Client(v4), 9), inbox);
        var payload = Wire.Numbers(size);
        Assert.True(from.TrySend(new Endpoint(Wire.Server(v4), 53), new Endpoint(Wire.Client(v4), 9), payload));
        foreach (var packet in Wire.Drain(from))
        {
            Assert.InRange(packet.Length, 1, from.Options.Mtu);
            Wire.AssertSound(packet);
            to.Receive(packet, default);
        }
        Assert.Equal(payload, Assert.Single(inbox.Received).Payload);
        Assert.Equal((0, 0), (to.Counters.BadChecksum, to.Counters.FragmentsDropped));
    }

    [Fact]
    public void Identifications_of_fragments_do_not_count_up()
    {
        var stack = Wire.NewStack();
        var ids = new List<int>();
        for (var i = 0; i < 20; i++)
        {
            stack.TrySend(new Endpoint(Wire.ServerV4, 53), new Endpoint(Wire.ClientV4, 9), new byte[1400]);
            var packets = Wire.Drain(stack);
            ids.Add(packets[0][4] << 8 | packets[0][5]);
            Assert.Equal(packets[0].AsSpan(4, 2), packets[1].AsSpan(4, 2));
        }
        Assert.Equal(20, ids.Distinct().Count());
        Assert.DoesNotContain(ids.Zip(ids.Skip(1)), pair => pair.Second - pair.First == 1);
    }

    [Fact]
    public void A_whole_packet_must_not_be_fragmented_and_needs_no_identification()
    {
        var stack = Wire.NewStack();
        stack.TrySend(new Endpoint(Wire.ServerV4, 53), new Endpoint(Wire.ClientV4, 9), new byte[100]);

        Assert.Equal([0, 0, 0x40, 0], Assert.Single(Wire.Drain(stack))[4..8]);
    }

    [Fact]
    public void A_rate_lets_a_burst_through_and_then_so_many_in_a_second()
    {
        var rate = new RateLimit(10);
        var now = Instant.FromUnixSeconds(1000);
        Assert.Equal(10, Enumerable.Range(0, 100).Count(_ => rate.TryTake(now)));
        Assert.Equal(5, Enumerable.Range(0, 100).Count(_ => rate.TryTake(now + TimeSpan.FromSeconds(0.5))));
        Assert.Equal(10, Enumerable.Range(0, 100).Count(_ => rate.TryTake(now + TimeSpan.FromSeconds(100))));
    }
}
