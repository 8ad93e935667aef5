using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Macro.Core;
using Macro.NetStack.Dns;

namespace Macro.UserMode.Tests.Resolver;

/// <summary>A name server on a loopback port, UDP and TCP, that answers what the test tells it to.</summary>
sealed class UpstreamServer : IDisposable
{
    readonly Socket _udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    readonly TcpListener _tcp = new(IPAddress.Loopback, 0);
    readonly Func<byte[], bool, byte[]?> _answer;

    /// <param name="answer">The answer to a query, which came in a stream or not; null: silence.</param>
    public UpstreamServer(Func<byte[], bool, byte[]?> answer)
    {
        _answer = answer;
        _tcp.Start();
        _udp.Bind(_tcp.LocalEndpoint);
        new Thread(ServeDatagrams) { IsBackground = true }.Start();
        new Thread(ServeStreams) { IsBackground = true }.Start();
    }

    public Endpoint Endpoint => new(IpAddress.V4Loopback, (ushort)((IPEndPoint)_tcp.LocalEndpoint).Port);

    /// <summary>Source ports of the datagrams.</summary>
    public List<int> Ports { get; } = [];

    public int Queries { get; private set; }

    /// <summary>An address, or what the name says: "none" does not exist, "empty" has no data, "large" is too large for a datagram.</summary>
    public static byte[]? Default(byte[] query, bool isStream)
    {
        Assert.True(MessageView.TryParse(query, out var view));
        var name = DomainName.ToText(view.QuestionName).ToLowerInvariant();
        var room = new byte[65535];
        var writer = new MessageWriter(room);
        const HeaderFlags flags = HeaderFlags.Response | HeaderFlags.RecursionDesired | HeaderFlags.RecursionAvailable;
        var isLarge = name.StartsWith("large", StringComparison.Ordinal);
        var isNone = name.StartsWith("none", StringComparison.Ordinal);
        writer.SetHeader(view.Id, isLarge && !isStream ? flags | HeaderFlags.Truncated : flags, isNone ? ResponseCode.NoSuchName : ResponseCode.NoError);
        writer.TryAddQuestion(view.Question);
        if (name.StartsWith("silent", StringComparison.Ordinal))
            return null;
        if (isLarge && isStream)
            for (var i = 0; i < 100; i++)
                writer.TryAddRecord(Section.Answer, view.QuestionName, view.QuestionType, 60, [192, 0, 2, (byte)i]);
        else if (name.StartsWith("private", StringComparison.Ordinal))
            writer.TryAddRecord(Section.Answer, view.QuestionName, RecordType.A, 60, [10, 0, 0, 1]);
        else if (!isNone && !isLarge && view.QuestionType == RecordType.A)
            writer.TryAddRecord(Section.Answer, view.QuestionName, RecordType.A, 60, [192, 0, 2, 1]);
        else if (!isNone && !isLarge && view.QuestionType == RecordType.Aaaa && name.StartsWith("both", StringComparison.Ordinal))
            writer.TryAddRecord(Section.Answer, view.QuestionName, RecordType.Aaaa, 60, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        return room[..writer.Length];
    }

    public void Dispose()
    {
        _udp.Dispose();
        _tcp.Dispose();
    }

    void ServeDatagrams()
    {
        var room = new byte[4096];
        EndPoint client = new IPEndPoint(IPAddress.Any, 0);
        try
        {
            while (true)
            {
                var length = _udp.ReceiveFrom(room, ref client);
                lock (Ports)
                    Ports.Add(((IPEndPoint)client).Port);
                Queries++;
                if (_answer(room[..length], false) is { } answer)
                    _udp.SendTo(answer, client);
            }
        }
        catch (SocketException)
        {
        }
        catch (ObjectDisposedException)
        {
        }
    }

    void ServeStreams()
    {
        try
        {
            while (true)
            {
                using var client = _tcp.AcceptTcpClient();
                var stream = client.GetStream();
                var room = new byte[65536];
                if (stream.ReadAtLeast(room.AsSpan(0, 2), 2, throwOnEndOfStream: false) < 2)
                    continue;
                var length = BinaryPrimitives.ReadUInt16BigEndian(room);
                stream.ReadExactly(room, 0, length);
                Queries++;
                if (_answer(room[..length], true) is { } answer)
                    stream.Write([(byte)(answer.Length >> 8), (byte)answer.Length, .. answer]);
            }
        }
        catch (SocketException)
        {
        }
        catch (ObjectDisposedException)
        {
        }
        catch (IOException)
        {
        }
    }
}
