using System.Globalization;
using System.Text;

namespace Macro.Nat.PortMapping;

/// <summary>A SOAP 1.1 request of UPnP: the action of a service and its arguments, in the order of the service's definition.</summary>
public static class SoapRequest
{
    /// <summary>Values are ours: numbers, addresses and fixed words, with nothing in them that XML would have to escape.</summary>
    public static byte[] Write(string service, string action, ReadOnlySpan<(string Name, string Value)> arguments)
    {
        var body = new StringBuilder(1024)
            .Append("<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"")
            .Append(" s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>")
            .Append(CultureInfo.InvariantCulture, $"<u:{action} xmlns:u=\"{service}\">");
        foreach (var (name, value) in arguments)
            body.Append(CultureInfo.InvariantCulture, $"<{name}>{value}</{name}>");
        body.Append(CultureInfo.InvariantCulture, $"</u:{action}></s:Body></s:Envelope>\r\n");
        return Encoding.ASCII.GetBytes(body.ToString());
    }
}

/// <summary>The answer: values by name, or the error code of a fault.</summary>
public sealed class SoapReply
{
    const int MostValues = 32;

    readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    SoapReply()
    {
    }

    /// <summary>0: no fault. 401..899 of UPnP.</summary>
    public int Error { get; private init; }

    /// <summary>False where the document is neither the action's response nor a fault.</summary>
    public static bool TryParse(byte[] document, string action, out SoapReply reply)
    {
        var error = 0;
        var isResponse = false;
        var values = new SoapReply();
        using var xml = new GatewayXml(document);
        while (xml.Read())
        {
            if (xml.Text is null)
                isResponse |= xml.Name.Length == action.Length + 8 && xml.Name.StartsWith(action, StringComparison.Ordinal)
                    && xml.Name.EndsWith("Response", StringComparison.Ordinal);
            else if (xml.Name == "errorCode")
                _ = int.TryParse(xml.Text, NumberStyles.None, CultureInfo.InvariantCulture, out error);
            else if (values._values.Count < MostValues)
                values._values.TryAdd(xml.Name, xml.Text);
        }
        reply = error == 0 ? values : new SoapReply { Error = error };
        return isResponse || error != 0;
    }

    public string? this[string name] => _values.GetValueOrDefault(name);

    public bool TryGetPort(string name, out ushort port) =>
        ushort.TryParse(this[name], NumberStyles.None, CultureInfo.InvariantCulture, out port);
}

/// <summary>Errors that change what we ask next (WANIPConnection:2 2.5, WANIPv6FirewallControl:1 2.5).</summary>
static class SoapErrors
{
    /// <summary>Ours: the gateway did not answer, or not as UPnP has it.</summary>
    public const int NoAnswer = 1;

    public const int InvalidAction = 401;
    public const int NoSuchEntry = 704;
    public const int NoSuchEntryInArray = 714;
    public const int ConflictInMapping = 718;
    public const int ConflictWithOther = 729;
    public const int SamePortRequired = 724;
    public const int OnlyPermanentLeases = 725;
}
