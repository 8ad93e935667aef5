using System.Buffers.Binary;

namespace Macro.UserMode;

/// <summary>Whoever uses a <see cref="MessageStream"/>.</summary>
interface IMessageStreamOwner
{
    /// <summary>A whole message; valid until the call returns.</summary>
    void HandleMessage(MessageStream stream, ReadOnlySpan<byte> message);

    /// <summary>No message comes any more.</summary>
    void HandleEnd(MessageStream stream);
}

/// <summary>DNS messages in a stream, each with two bytes of length before it (RFC 1035 4.2.2, RFC 7766).</summary>
sealed class MessageStream : ILoopStreamOwner
{
    const int LengthBytes = 2;

    readonly LoopStream _stream;
    readonly IMessageStreamOwner _owner;
    byte[] _buffer = new byte[1024];
    int _count;
    bool _isOver;

    public MessageStream(LoopStream stream, IMessageStreamOwner owner)
    {
        (_stream, _owner) = (stream, owner);
        stream.Owner = this;
    }

    /// <summary>Both parts go in one call, lest the far end gets them in two segments (RFC 7766 8).</summary>
    public bool Send(ReadOnlySpan<byte> message)
    {
        Span<byte> framed = message.Length <= 1024 ? stackalloc byte[LengthBytes + message.Length] : new byte[LengthBytes + message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(framed, (ushort)message.Length);
        message.CopyTo(framed[LengthBytes..]);
        return _stream.Send(framed);
    }

    public void Close()
    {
        _isOver = true;
        _stream.Close();
    }

    public void Abort()
    {
        _isOver = true;
        _stream.Abort();
    }

    /// <summary>Reads what is there already: readiness is told only when it changes.</summary>
    public void Start() => ((ILoopStreamOwner)this).HandleStream(_stream);

    void ILoopStreamOwner.HandleStream(LoopStream stream)
    {
        while (!_isOver)
        {
            var got = stream.Receive(_buffer.AsSpan(_count));
            _count += got;
            TakeMessages();
            if (_isOver || got > 0)
                continue;
            if (stream.HasEnded)
            {
                _isOver = true;
                _owner.HandleEnd(this);
            }
            return;
        }
    }

    void TakeMessages()
    {
        var at = 0;
        while (_count - at >= LengthBytes && !_isOver)
        {
            var end = at + LengthBytes + BinaryPrimitives.ReadUInt16BigEndian(_buffer.AsSpan(at));
            if (end > _count)
            {
                if (end - at > _buffer.Length)
                    Array.Resize(ref _buffer, end - at);
                break;
            }
            _owner.HandleMessage(this, _buffer.AsSpan(at + LengthBytes, end - at - LengthBytes));
            at = end;
        }
        _buffer.AsSpan(at, _count - at).CopyTo(_buffer);
        _count -= at;
    }
}
