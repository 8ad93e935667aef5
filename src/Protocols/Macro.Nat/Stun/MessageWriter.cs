using System.Buffers.Binary;
using Macro.Core;

namespace Macro.Nat.Stun;

/// <summary>
/// Writes one STUN message into the caller's room: header first, then attribute by attribute, integrity and fingerprint
/// last. <see cref="Length"/> is right after each step. Room that does not suffice is the caller's mistake and throws.
/// </summary>
public ref struct MessageWriter
{
    readonly Span<byte> _room;

    public MessageWriter(Span<byte> room, MessageClass kind, ushort method, TransactionId transaction)
    {
        _room = room;
        BinaryPrimitives.WriteUInt16BigEndian(room, (ushort)((ushort)kind | (method & 0xf) | (method & 0x70) << 1 | (method & 0xf80) << 2));
        BinaryPrimitives.WriteUInt32BigEndian(room[4..], MessageView.Cookie);
        transaction.Write(room[8..]);
        SetLength(MessageView.HeaderSize);
    }

    /// <summary>Bytes of the message so far, a multiple of 4.</summary>
    public int Length { get; private set; }

    /// <param name="padding">What fills the value up to a multiple of 4 bytes.</param>
    public void Add(AttributeType type, scoped ReadOnlySpan<byte> value, byte padding = 0)
    {
        var target = Append(type, value.Length);
        value.CopyTo(target);
        target[value.Length..].Fill(padding);
    }

    /// <summary>An endpoint in plain form.</summary>
    public void AddAddress(AttributeType type, Endpoint endpoint) => AddAddress(type, endpoint, []);

    public void AddXorMapped(Endpoint endpoint) => AddAddress(AttributeType.XorMappedAddress, endpoint, _room[4..20]);

    public void AddChangeRequest(ChangeRequest change) => Add(AttributeType.ChangeRequest, [0, 0, 0, (byte)change]);

    public void AddResponsePort(ushort port) => Add(AttributeType.ResponsePort, [(byte)(port >> 8), (byte)port, 0, 0]);

    /// <summary>An error without words: code 300..699.</summary>
    public void AddError(int code) => Add(AttributeType.ErrorCode, [0, 0, (byte)(code / 100), (byte)(code % 100)]);

    /// <summary>MESSAGE-INTEGRITY over all so far.</summary>
    public void AddIntegrity(ReadOnlySpan<byte> key)
    {
        var before = _room[..Length];
        Integrity.Sha1(before, key, Append(AttributeType.MessageIntegrity, Integrity.Sha1Size));
    }

    /// <summary>MESSAGE-INTEGRITY-SHA256 over all so far.</summary>
    public void AddIntegritySha256(ReadOnlySpan<byte> key)
    {
        var before = _room[..Length];
        Integrity.Sha256(before, key, Append(AttributeType.MessageIntegritySha256, Integrity.Sha256Size));
    }

    /// <summary>FINGERPRINT over all so far; nothing may follow.</summary>
    public void AddFingerprint()
    {
        var before = _room[..Length];
        var target = Append(AttributeType.Fingerprint, Integrity.FingerprintSize);
        BinaryPrimitives.WriteUInt32BigEndian(target, Integrity.Fingerprint(before));
    }

    void AddAddress(AttributeType type, Endpoint endpoint, scoped ReadOnlySpan<byte> mask)
    {
        Span<byte> value = stackalloc byte[Addresses.MaxSize];
        Add(type, value[..Addresses.Write(endpoint, mask, value)]);
    }

    Span<byte> Append(AttributeType type, int length)
    {
        var target = _room.Slice(Length, 4 + MessageView.Padded(length));
        BinaryPrimitives.WriteUInt16BigEndian(target, (ushort)type);
        BinaryPrimitives.WriteUInt16BigEndian(target[2..], (ushort)length);
        SetLength(Length + target.Length);
        return target[4..];
    }

    void SetLength(int length)
    {
        Length = length;
        BinaryPrimitives.WriteUInt16BigEndian(_room[2..], (ushort)(length - MessageView.HeaderSize));
    }
}
