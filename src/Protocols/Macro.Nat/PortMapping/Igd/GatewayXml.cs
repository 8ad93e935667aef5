using System.Text;
using System.Xml;

namespace Macro.Nat.PortMapping;

/// <summary>
/// Reads the leaves of a small XML document from a stranger in order: no DTD and so no entities, nothing external, bounded
/// in size, depth and number. What is not well-formed ends the walk. It is read as UTF-8, as UPnP has it (Device Architecture 2.0,
/// 2.3), whatever encoding it declares: changing to that, the reader of the runtime throws what it does not document.
/// </summary>
sealed class GatewayXml : IDisposable
{
    /// <summary>Bytes of the longest document.</summary>
    public const int MaxSize = 64 * 1024;

    const int MaxDepth = 32, MaxNodes = 4096, MaxText = 1024;

    static readonly XmlReaderSettings s_settings = new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        MaxCharactersInDocument = MaxSize,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
        IgnoreWhitespace = true,
        CloseInput = true,
    };

    readonly XmlReader _reader;
    int _nodes;

    public GatewayXml(byte[] document)
    {
        var text = document.Length <= MaxSize ? Encoding.UTF8.GetString(document).TrimStart('\uFEFF') : "";
        _reader = XmlReader.Create(new System.IO.StringReader(text), s_settings);
    }

    /// <summary>Local name of the element that the text stands in, or of the one that ends.</summary>
    public string Name { get; private set; } = "";

    /// <summary>Of a leaf; null at the end of an element.</summary>
    public string? Text { get; private set; }

    /// <summary>Goes to the next text or the next end of an element. False at the end, and where the document breaks a rule.</summary>
    public bool Read()
    {
        try
        {
            while (++_nodes < MaxNodes && _reader.Read())
            {
                if (_reader.Depth > MaxDepth)
                    return false;
                switch (_reader.NodeType)
                {
                    case XmlNodeType.Element:
                        Name = _reader.LocalName;
                        if (!_reader.IsEmptyElement)
                            break;
                        Text = null;
                        return true;
                    case XmlNodeType.Text or XmlNodeType.CDATA when _reader.Value.Length <= MaxText:
                        Text = _reader.Value.Trim();
                        return true;
                    case XmlNodeType.EndElement:
                        (Name, Text) = (_reader.LocalName, null);
                        return true;
                    default:
                        break;
                }
            }
            return false;
        }
        catch (XmlException)
        {
            return false;
        }
    }

    public void Dispose() => _reader.Dispose();
}
