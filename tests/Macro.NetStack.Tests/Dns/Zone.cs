using System.Buffers.Binary;
using System.Text;
using Macro.Core;
using Macro.NetStack.Dns;

namespace Macro.NetStack.Tests.Dns;

/// <summary>Builds and takes apart messages for the tests, by hand, so that no test trusts the code it tests.</summary>
static class Zone
{
    public static byte[] Name(string name)
    {
        var bytes = new List<byte>();
        foreach (var label in name.TrimEnd('.').Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            bytes.Add((byte)label.Length);
            bytes.AddRange(Encoding.ASCII.GetBytes(label));
        }
        bytes.Add(0);
        return [.. bytes];
    }

    public static byte[] Query(string name, RecordType type = RecordType.A, ushort id = 0x1234, HeaderFlags flags = HeaderFlags.RecursionDesired,
        ushort? edns = null, bool dnssec = false) =>
        [.. U16(id), .. U16((ushort)flags), .. U16(1), .. U16(0), .. U16(0), .. U16(edns is null ? 0 : 1),
            .. Name(name), .. U16((int)type), .. U16(1), .. edns is { } size ? Opt(size, dnssec) : []];

    public static byte[] Opt(ushort size, bool dnssec = false, byte upperCode = 0, params byte[] options) =>
        [0, .. U16(41), .. U16(size), upperCode, 0, (byte)(dnssec ? 0x80 : 0), 0, .. U16(options.Length), .. options];

    public static byte[] Record(string name, RecordType type, uint ttl, params byte[] data) =>
        [.. Name(name), .. U16((int)type), .. U16(1), .. U32(ttl), .. U16(data.Length), .. data];

    public static byte[] A(string name, uint ttl, string address)
    {
        var ip = IpAddress.Parse(address);
        var data = new byte[ip.Size];
        ip.Write(data);
        return Record(name, ip.IsV4 ? RecordType.A : RecordType.Aaaa, ttl, data);
    }

    public static byte[] Soa(string zone, uint ttl, uint minimum) =>
        Record(zone, RecordType.Soa, ttl, [.. Name("ns." + zone), .. Name("admin." + zone), .. U32(1), .. U32(2), .. U32(3), .. U32(4), .. U32(minimum)]);

    /// <summary>The answer of an upstream: id and question copied from the query as it came.</summary>
    public static byte[] Answer(byte[] query, ResponseCode code = ResponseCode.NoError, HeaderFlags more = 0,
        byte[][]? answers = null, byte[][]? authority = null, byte[][]? additional = null)
    {
        var end = 12;
        while (query[end] != 0)
            end += 1 + query[end];
        return [.. query[..2], .. U16((int)(HeaderFlags.Response | HeaderFlags.RecursionDesired | HeaderFlags.RecursionAvailable | more) | (int)code),
            .. U16(1), .. U16(answers?.Length ?? 0), .. U16(authority?.Length ?? 0), .. U16(additional?.Length ?? 0), .. query[12..(end + 5)],
            .. (answers ?? []).SelectMany(r => r), .. (authority ?? []).SelectMany(r => r), .. (additional ?? []).SelectMany(r => r)];
    }

    public static byte[] U16(int value) => [(byte)(value >> 8), (byte)value];

    public static byte[] U32(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    public static ushort U16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16BigEndian(bytes[offset..]);

    /// <summary>One line for each record: "section name type ttl length".</summary>
    public static List<string> Lines(ReadOnlySpan<byte> message)
    {
        Assert.True(MessageView.TryParse(message, out var view));
        var lines = new List<string>();
        var name = new byte[255];
        foreach (var record in view.Records)
            lines.Add($"{record.Section} {DomainName.ToText(name.AsSpan(0, record.CopyName(name)))} {record.Type} {record.Ttl} {Convert.ToHexStringLower(record.Data)}");
        return lines;
    }
}
