using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine;

/// <summary>One circuit whose last hop is asked about the directory, and the questions that are out.</summary>
sealed class DirectoryLink(Circuit circuit, Queue<LinkAnswer> answers)
{
    /// <summary>Longer than a lost datagram or two take, shorter than a person waits.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(4);

    sealed record Question(int Number, ReadOnlyMemory<byte> Body, Instant Deadline)
    {
        public uint? Request { get; set; }
    }

    readonly List<Question> _questions = [];
    bool _measured;

    public Instant UsedAt { get; private set; }

    public bool IsBusy => _questions.Count > 0;

    public Instant NextTimeout => Instant.Min(circuit.NextTimeout, _questions.Count == 0 ? Instant.Never : _questions[0].Deadline);

    public void Ask(int number, ReadOnlyMemory<byte> body, Instant now)
    {
        UsedAt = now;
        _questions.Add(new Question(number, body, now + s_patience));
        Observe(now);
    }

    /// <summary>False when the link is over; its questions are answered by then.</summary>
    public bool Observe(Instant now)
    {
        if (circuit.State == CircuitState.Ready)
            Send(now);
        while (circuit.TryTakeAnswer(out var request, out var answer))
            if (_questions.FindIndex(q => q.Request == request) is >= 0 and var at)
                End(at, reached: true, answer is DirectoryAnswer { Body: var body } ? body : default, now);
        if (circuit.State != CircuitState.Closed)
            return true;
        EndAll(now);
        return false;
    }

    public void HandleTimeout(Instant now)
    {
        if (circuit.NextTimeout <= now)
            circuit.HandleTimeout(now);
        while (_questions.Count > 0 && _questions[0].Deadline <= now)
            End(0, circuit.State == CircuitState.Ready, default, now);
    }

    public void Close(Instant now)
    {
        circuit.Close(now);
        EndAll(now);
    }

    void Send(Instant now)
    {
        for (var i = 0; i < _questions.Count && circuit.State == CircuitState.Ready; i++)
        {
            var question = _questions[i];
            question.Request ??= circuit.AskDirectory(question.Body, now);
        }
    }

    void End(int at, bool reached, ReadOnlyMemory<byte> body, Instant now)
    {
        TimeSpan? roundTrip = reached && !_measured && circuit.Hops.Length == 1 ? circuit.LastRoundTrip : null;
        _measured |= roundTrip is not null;
        answers.Enqueue(new LinkAnswer(_questions[at].Number, reached, body, roundTrip));
        _questions.RemoveAt(at);
        UsedAt = now;
    }

    void EndAll(Instant now)
    {
        while (_questions.Count > 0)
            End(0, circuit.HopsReached == circuit.Hops.Length, default, now);
    }
}
