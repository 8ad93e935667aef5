namespace Macro.NetStack;

/// <summary>Writes into a span until it is full, and remembers that it was.</summary>
ref struct HttpWriter(Span<byte> room)
{
    readonly Span<byte> _room = room;

    internal int Length { get; private set; }

    internal bool IsFull { get; private set; }

    internal void Write(scoped ReadOnlySpan<byte> bytes)
    {
        IsFull |= !bytes.TryCopyTo(_room[Length..]);
        if (!IsFull)
            Length += bytes.Length;
    }

    internal void WriteField(scoped HttpField field)
    {
        Write(field.Name);
        Write(": "u8);
        Write(field.Value);
        Write("\r\n"u8);
    }
}
