using Macro.Core;
using Macro.Simulation;

namespace Macro.NetStack.Tests;

[Collection(nameof(Alone))]
public class StackAllocationTests
{
    const int WarmUp = 3000, Turns = 400, Batch = 64;
    static readonly Endpoint s_web = new(Wire.ServerV6, 80);

    [Fact]
    public void A_stack_allocates_nothing_per_packet_of_TCP()
    {
        var line = new Line();
        var client = line.Client.Connect(s_web, null, line.Now)!;
        line.Exchange();
        Assert.True(line.Exit.TryTakeReady(out var server));
        server.AcceptIncoming();
        line.Exchange();
        Assert.True(client.IsEstablished);

        AssertNothingAllocated(line, () =>
        {
            while (client.Writable is { Length: > 0 } room)
                client.Commit(room.Length);
            while (server.Readable is { Length: > 0 } bytes)
                server.Consume(bytes.Length);
            while (line.Client.TryTakeReady(out _) || line.Exit.TryTakeReady(out _))
            {
            }
        });
    }

    [Fact]
    public void A_stack_allocates_nothing_per_datagram_echo_and_error()
    {
        var line = new Line();
        line.Exit.BindAny(new Deaf());
        var payload = new byte[1200];
        var local = new Endpoint(Wire.ClientV4, 5000);
        line.Client.TryBind(local, new Deaf());
        var echo = Wire.Echo(true, payload);
        var unknown = Wire.Udp(new Endpoint(Wire.ServerV4, 9), new Endpoint(Wire.ClientV4, 9), payload);

        AssertNothingAllocated(line, () =>
        {
            for (var i = 0; i < 8; i++)
                line.Client.TrySend(local, new Endpoint(Wire.ServerV4, 53), payload);
            line.Exit.Receive(echo, line.Now);
            line.Client.Receive(unknown, line.Now);
        });
    }

    static void AssertNothingAllocated(Line line, Action turn)
    {
        for (var i = 0; i < WarmUp; i++)
            Turn();
        var packets = line.Packets;
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < Turns; i++)
                Turn();
        }));
        packets = line.Packets - packets;
        Assert.True(packets > 4 * Turns * Allocations.Rounds, $"only {packets} packets");

        void Turn()
        {
            line.Now += TimeSpan.FromMilliseconds(1);
            turn();
            line.Exchange();
        }
    }

    sealed class Deaf : IUdpHandler
    {
        public IcmpReason Receive(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload, Instant now) => IcmpReason.None;

        public void HandleError(Endpoint local, Endpoint remote, IcmpError error)
        {
        }
    }

    /// <summary>Two stacks with nothing between them but buffers.</summary>
    sealed class Line
    {
        readonly byte[][] _rooms = [.. Enumerable.Range(0, Batch).Select(_ => new byte[1328])];
        readonly int[] _lengths = new int[Batch];

        public Line()
        {
            var tcp = new TcpOptions { MaxReceiveBuffer = 256 << 10, MaxSendBuffer = 256 << 10 };
            Client = new Stack(new StackOptions { Addresses = [Wire.ClientV4, Wire.ClientV6], Tcp = tcp }, new TcpMemory(64 << 20), new SeededRandom(1));
            Exit = new Stack(new StackOptions { Tcp = tcp }, new TcpMemory(64 << 20), new SeededRandom(2));
            Exit.ListenAny(new object());
        }

        public Stack Client { get; }
        public Stack Exit { get; }
        public Instant Now { get; set; } = Instant.FromUnixSeconds(1_000_000);
        public long Packets { get; private set; }

        public void Exchange()
        {
            Pass(Client, Exit);
            Pass(Exit, Client);
            Client.HandleTimeout(Now);
            Exit.HandleTimeout(Now);
        }

        void Pass(Stack from, Stack to)
        {
            var count = 0;
            while (count < Batch && from.TryTransmit(_rooms[count], Now, out _lengths[count]))
                count++;
            for (var i = 0; i < count; i++)
                to.Receive(_rooms[i].AsSpan(0, _lengths[i]), Now);
            Packets += count;
        }
    }
}
