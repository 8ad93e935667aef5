namespace Macro.Dht;

/// <summary>What a bencoded value is (BEP 3).</summary>
enum BencodeKind
{
    None,
    Integer,
    String,
    List,
    Dictionary,
}
