using System.Formats.Cbor;
using System.Text;
using Macro.Core;

namespace Macro.Circuits;

/// <summary>Verdict on the bytes of a control message.</summary>
public enum ControlVerdict
{
    Ok,

    /// <summary>Well-formed, but a message this node does not know: answer <see cref="ControlStatus.Unsupported"/>.</summary>
    Unknown,

    /// <summary>Not a message: answer <see cref="ControlStatus.BadRequest"/> and count it against the session.</summary>
    Malformed,
}

/// <summary>
/// Control messages to and from bytes: a CBOR map with unsigned keys (RFC 8949 4.2.1). Key 0 is the message number
/// (answers + 0x80), key 1 of an answer the status, keys from 2 on the fields in the order of the records. Unknown keys are skipped.
/// </summary>
public static class ControlCodec
{
    const byte AnswerBit = 0x80;
    const int MaxText = 128, MaxBlob = DirectoryRequest.MaxBody;

    /// <summary>Encoded bytes, at most <see cref="ControlMessage.MaxSize"/>.</summary>
    public static byte[] Encode(ControlMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        var fields = Fields(message);
        var writer = new CborWriter(CborConformanceMode.Canonical);
        var answer = message as ControlAnswer;
        writer.WriteStartMap(fields.Length + (answer is null ? 1 : 2));
        writer.WriteUInt32(0);
        writer.WriteUInt32(answer is null ? (byte)message.Type : (uint)(byte)message.Type | AnswerBit);
        if (answer is not null)
        {
            writer.WriteUInt32(1);
            writer.WriteUInt32((byte)answer.Status);
        }
        for (var i = 0; i < fields.Length; i++)
        {
            writer.WriteUInt32((uint)i + 2);
            switch (fields[i])
            {
                case ulong number: writer.WriteUInt64(number); break;
                case bool flag: writer.WriteBoolean(flag); break;
                case string text: writer.WriteTextString(text); break;
                case ReadOnlyMemory<byte> blob: writer.WriteByteString(blob.Span); break;
            }
        }
        writer.WriteEndMap();
        return writer.Encode();
    }

    /// <summary>Decodes without throwing. <paramref name="type"/> is set whenever the message number could be read.</summary>
    public static ControlVerdict Decode(ReadOnlySpan<byte> bytes, out ControlMessage? message, out ControlType type, out bool isAnswer)
    {
        message = null;
        type = default;
        isAnswer = false;
        if (bytes.Length > ControlMessage.MaxSize || !TryReadMap(bytes, out var map) || map.Number(0) is not { } number || number > 0xff)
            return ControlVerdict.Malformed;
        isAnswer = (number & AnswerBit) != 0;
        type = (ControlType)(number & 0x7f);
        if (isAnswer && map.Number(1) is null or > byte.MaxValue)
            return ControlVerdict.Malformed;
        message = isAnswer ? Answer(type, map) : Request(type, map);
        return message is not null ? ControlVerdict.Ok : Enum.IsDefined(type) ? ControlVerdict.Malformed : ControlVerdict.Unknown;
    }

    static object[] Fields(ControlMessage message) => message switch
    {
        Hello m => [m.Version, m.Features],
        HelloAnswer m => [m.Version, m.Roles, m.Mtu, m.LoadClass, Encode(m.Observed)],
        Extend { Introducer.IsEmpty: true } m => [(ulong)m.Channel, m.Descriptor],
        Extend m => [(ulong)m.Channel, m.Descriptor, m.Introducer],
        Bind m => [(ulong)m.Channel, (ulong)m.Index],
        OpenExit m => [m.V4, m.V6],
        OpenExitAnswer { Paths: 0 } m => [m.V4, m.V6, m.Region, m.Policy, m.Mtu],
        OpenExitAnswer m => [m.V4, m.V6, m.Region, m.Policy, m.Mtu, m.Paths],
        Probe { Report: { } r } m => [m.Token, .. Numbers(r)],
        Probe m => [m.Token],
        ProbeAnswer { Report: { } r } m => [m.Token, m.Drops, .. Numbers(r)],
        ProbeAnswer m => [m.Token, m.Drops],
        Cover m => [m.Machine, m.Budget],
        CoverAnswer m => [m.Budget],
        Close m => [(ulong)m.Channel],
        PathChallenge m => [m.Token],
        PathResponse { IsBeside: true } m => [m.Token, true],
        PathResponse m => [m.Token],
        DirectoryRequest m => [m.Body],
        DirectoryAnswer m => [m.Body],
        Register m => [m.Node, m.Signature],
        Introduce m => [m.Node, m.Attempt, m.Key, m.RelayKey, m.Offer, m.RoundTrip],
        IntroduceAnswer m => [m.Offer],
        Introduced m => [m.Attempt, m.Key, m.RelayKey, m.Offer, m.RoundTrip],
        IntroducedAnswer m => [m.Attempt, m.Offer],
        StatusAnswer => [],
        _ => throw new ArgumentException($"{message.GetType().Name} has no wire form.", nameof(message)),
    };

    static ControlMessage? Request(ControlType type, Map map) => type switch
    {
        ControlType.Hello when map.Number(2) is { } version => new Hello { Version = version, Features = map.Number(3) ?? 0 },
        ControlType.Extend when map.UInt32(2) is { } channel && map.Blob(3) is { } descriptor => new Extend { Channel = channel, Descriptor = descriptor, Introducer = map.Blob(4) ?? default },
        ControlType.Bind when map.UInt32(2) is { } channel && map.UInt32(3) is { } index => new Bind { Channel = channel, Index = index },
        ControlType.OpenExit => new OpenExit { V4 = map.Flag(2), V6 = map.Flag(3) },
        ControlType.Probe when map.Number(2) is { } token => new Probe { Token = token, Report = Report(map, 3) },
        ControlType.Cover when map.Number(2) is { } machine && map.Number(3) is { } budget => new Cover { Machine = machine, Budget = budget },
        ControlType.Close when map.UInt32(2) is { } channel => new Close { Channel = channel },
        ControlType.PathChallenge when map.Number(2) is { } token => new PathChallenge { Token = token },
        ControlType.Directory when map.Blob(2) is { } body => new DirectoryRequest { Body = body },
        ControlType.Register when map.Blob(2) is { Length: 32 } node && map.Blob(3) is { Length: 64 } signature => new Register { Node = node, Signature = signature },
        ControlType.Introduce when map.Blob(2) is { Length: 32 } node && map.Number(3) is { } attempt && map.Blob(4) is { Length: 32 } key
            && map.Blob(5) is { Length: 32 } relayKey && map.Blob(6) is { } offer && map.Number(7) is { } rtt =>
            new Introduce { Node = node, Attempt = attempt, Key = key, RelayKey = relayKey, Offer = offer, RoundTrip = rtt },
        ControlType.Introduced when map.Number(2) is { } attempt && map.Blob(3) is { Length: 32 } key
            && map.Blob(4) is { Length: 32 } relayKey && map.Blob(5) is { } offer && map.Number(6) is { } rtt =>
            new Introduced { Attempt = attempt, Key = key, RelayKey = relayKey, Offer = offer, RoundTrip = rtt },
        _ => null,
    };

    static ControlAnswer Answer(ControlType type, Map map)
    {
        var status = (ControlStatus)map.Number(1)!.Value;
        return type switch
        {
            ControlType.Hello when status == ControlStatus.Ok => new HelloAnswer
            {
                Status = status,
                Version = map.Number(2) ?? 0,
                Roles = map.Number(3) ?? 0,
                Mtu = map.Number(4) ?? 0,
                LoadClass = map.Number(5) ?? 0,
                Observed = DecodeEndpoint(map.Blob(6)),
            },
            ControlType.OpenExit when status == ControlStatus.Ok => new OpenExitAnswer
            {
                Status = status,
                V4 = map.Flag(2),
                V6 = map.Flag(3),
                Region = map.Text(4) ?? "ZZ",
                Policy = map.Text(5) ?? "",
                Mtu = map.Number(6) ?? 0,
                Paths = map.Number(7) ?? 0,
            },
            ControlType.Probe when status == ControlStatus.Ok => new ProbeAnswer
            {
                Status = status,
                Token = map.Number(2) ?? 0,
                Drops = map.Number(3) ?? 0,
                Report = Report(map, 4),
            },
            ControlType.Cover when status == ControlStatus.Ok => new CoverAnswer { Status = status, Budget = map.Number(2) ?? 0 },
            ControlType.PathChallenge when status == ControlStatus.Ok => new PathResponse { Status = status, Token = map.Number(2) ?? 0, IsBeside = map.Flag(3) },
            ControlType.Directory when status == ControlStatus.Ok => new DirectoryAnswer { Status = status, Body = map.Blob(2) ?? default },
            ControlType.Introduce when status == ControlStatus.Ok => new IntroduceAnswer { Status = status, Offer = map.Blob(2) ?? default },
            ControlType.Introduced when map.Number(2) is { } attempt => new IntroducedAnswer { Status = status, Attempt = attempt, Offer = map.Blob(3) ?? default },
            _ => new StatusAnswer(type) { Status = status },
        };
    }

    static object[] Numbers(in PathReport r) => [(ulong)r.At, (ulong)r.Sent, (ulong)r.EchoAt, (ulong)r.EchoSent, (ulong)r.HeardAt, (ulong)r.Heard];

    /// <summary>Null when there is none, or no sense in it.</summary>
    static PathReport? Report(Map map, ulong first)
    {
        var report = new PathReport(Number(0), Number(1), Number(2), Number(3), Number(4), Number(5));
        return report.IsValid ? report : null;

        long Number(ulong place) => (long)(map.Number(first + place) ?? 0);
    }

    static ReadOnlyMemory<byte> Encode(Endpoint endpoint)
    {
        if (endpoint.IsNone)
            return default;
        var bytes = new byte[18];
        endpoint.Address.WriteMapped(bytes);
        bytes[16] = (byte)(endpoint.Port >> 8);
        bytes[17] = (byte)endpoint.Port;
        return bytes;
    }

    static Endpoint DecodeEndpoint(ReadOnlyMemory<byte>? bytes) => bytes is { Length: 18 } b
        ? new Endpoint(IpAddress.Read(b.Span[..16]), (ushort)((b.Span[16] << 8) | b.Span[17]))
        : default;

    static bool TryReadMap(ReadOnlySpan<byte> bytes, out Map map)
    {
        map = new Map();
        try
        {
            // CborReader has no non-throwing face; control messages are rare and a session that sends
            // malformed ones is cut off after a few, so a caught exception here costs an attacker more than us.
            var reader = new CborReader(bytes.ToArray(), CborConformanceMode.Canonical);
            if (reader.ReadStartMap() is not { } count || count > 32)
                return false;
            for (var i = 0; i < count; i++)
            {
                var key = reader.ReadUInt64();
                object? value = reader.PeekState() switch
                {
                    CborReaderState.UnsignedInteger => reader.ReadUInt64(),
                    CborReaderState.Boolean => reader.ReadBoolean(),
                    CborReaderState.TextString => reader.ReadTextString(),
                    CborReaderState.ByteString => new ReadOnlyMemory<byte>(reader.ReadByteString()),
                    _ => null,
                };
                if (value is null)
                    reader.SkipValue();
                else if (value is string { Length: > MaxText } or ReadOnlyMemory<byte> { Length: > MaxBlob })
                    return false;
                else
                    map.Set(key, value);
            }
            reader.ReadEndMap();
            return reader.BytesRemaining == 0;
        }
        catch (Exception e) when (e is CborContentException or InvalidOperationException or OverflowException or DecoderFallbackException)
        {
            return false;
        }
    }

    sealed class Map
    {
        readonly Dictionary<ulong, object> _values = [];

        public void Set(ulong key, object value) => _values[key] = value;
        public ulong? Number(ulong key) => _values.GetValueOrDefault(key) as ulong?;
        public uint? UInt32(ulong key) => Number(key) is { } n and <= uint.MaxValue ? (uint)n : null;
        public bool Flag(ulong key) => _values.GetValueOrDefault(key) is true;
        public string? Text(ulong key) => _values.GetValueOrDefault(key) as string;
        public ReadOnlyMemory<byte>? Blob(ulong key) => _values.GetValueOrDefault(key) as ReadOnlyMemory<byte>?;
    }
}
