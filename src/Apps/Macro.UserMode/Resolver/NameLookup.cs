using Macro.Core;
using Macro.NetStack.Dns;

namespace Macro.UserMode;

/// <summary>
/// One name's addresses: two questions, and one verdict when both are answered. IPv4 comes first: every exit has it,
/// and an address of a family that the exit lacks costs a round trip through the circuit.
/// </summary>
sealed class NameLookup
{
    const int MostAddresses = 32;

    readonly INameWaiter _waiter;
    readonly List<IpAddress> _addresses = [];
    readonly string _name;
    int _missing = 2;
    int _v4;
    bool _failed;
    bool _refused;

    NameLookup(string name, INameWaiter waiter) => (_name, _waiter) = (name, waiter);

    public static void Start(LoopResolver resolver, string name, IRandom random, INameWaiter waiter)
    {
        var lookup = new NameLookup(name, waiter);
        Span<byte> wire = stackalloc byte[DomainName.MaxLength];
        if (!DomainName.TryParse(name, wire, out var length))
        {
            waiter.HandleName(NameVerdict.NotFound, []);
            return;
        }
        lookup.Ask(resolver, wire[..length], RecordType.A, random);
        lookup.Ask(resolver, wire[..length], RecordType.Aaaa, random);
    }

    void Ask(LoopResolver resolver, ReadOnlySpan<byte> name, RecordType type, IRandom random)
    {
        Span<byte> query = stackalloc byte[MessageView.HeaderLength + DomainName.MaxLength + 4];
        var writer = new MessageWriter(query);
        writer.SetHeader((ushort)random.NextUInt32(), HeaderFlags.RecursionDesired, ResponseCode.NoError);
        writer.TryAddQuestion(name, type);
        var room = System.Buffers.ArrayPool<byte>.Shared.Rent(ushort.MaxValue);
        try
        {
            var question = new Question(this, type);
            if (resolver.Ask(query[..writer.Length], Carrier.Stream, question, room, out var length) == AskVerdict.Answered)
                question.HandleAnswer(room.AsSpan(0, length));
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(room);
        }
    }

    void Take(ReadOnlySpan<byte> answer, RecordType type)
    {
        if (!MessageView.TryParse(answer, out var view) || view.ResponseCode is not (ResponseCode.NoError or ResponseCode.NoSuchName))
        {
            _failed |= !_refused;
            _refused |= view.Bytes.Length > 0 && view.ResponseCode == ResponseCode.Refused;
        }
        else
        {
            foreach (var record in view.Records)
                if (record.Section == Section.Answer && record.Type == type && record.Class == RecordClass.Internet && _addresses.Count < MostAddresses)
                    Add(IpAddress.Read(record.Data));
        }
        if (--_missing == 0)
            Finish();
    }

    void Add(IpAddress address)
    {
        if (_addresses.Contains(address))
            return;
        if (address.IsV4)
            _addresses.Insert(_v4++, address);
        else
            _addresses.Add(address);
    }

    void Finish() => _waiter.HandleName(
        _addresses.Count > 0 ? NameVerdict.Found : _refused ? NameVerdict.Refused : _failed ? NameVerdict.Failed : NameVerdict.NotFound,
        System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_addresses));

    sealed class Question(NameLookup lookup, RecordType type) : IAnswerTaker
    {
        public void HandleAnswer(ReadOnlySpan<byte> answer) => lookup.Take(answer, type);
    }
}
