using Macro.Core;

namespace Macro.Nat.Stun;

/// <summary>How often a request is repeated (RFC 8489 6.2.1).</summary>
public sealed record Retransmission
{
    /// <summary>Until the first repetition, doubled each time. Default 500 ms.</summary>
    public TimeSpan First { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Times that a request is sent, 1..16 (Rc). Default 7.</summary>
    public int Requests { get; init; } = 7;

    /// <summary>The last one is waited for that many times <see cref="First"/> (Rm). Default 16.</summary>
    public int LastWait { get; init; } = 16;

    /// <summary>As the RFC has it: over after 39.5 s.</summary>
    public static readonly Retransmission Standard = new();

    /// <summary>For tests of many servers and of answers that a gateway may never let in: over after 2.6 s.</summary>
    public static readonly Retransmission Brief = new() { First = TimeSpan.FromMilliseconds(200), Requests = 4, LastWait = 6 };
}

/// <summary>How a Binding request ended.</summary>
public enum BindingOutcome
{
    Answered,

    /// <summary>The server refused: <see cref="BindingResult.Error"/>.</summary>
    Refused,

    /// <summary>No answer came.</summary>
    TimedOut,
}

/// <summary>What came of one Binding request.</summary>
public sealed record BindingResult
{
    /// <summary>What <see cref="BindingClient.Ask"/> returned.</summary>
    public required int Number { get; init; }

    public required BindingOutcome Outcome { get; init; }

    public required Endpoint Server { get; init; }

    /// <summary>Our own endpoint as the server saw it.</summary>
    public Endpoint Mapped { get; init; }

    /// <summary>Where the answer came from.</summary>
    public Endpoint From { get; init; }

    /// <summary>The server's other address and port (RFC 5780); none where it has no second one.</summary>
    public Endpoint Other { get; init; }

    public int Error { get; init; }

    /// <summary>From the last request to the answer; too short where an earlier one was answered late.</summary>
    public TimeSpan RoundTrip { get; init; }
}

/// <summary>One request under way.</summary>
sealed class Transaction
{
    public required int Number { get; init; }
    public required TransactionId Id { get; init; }
    public required Endpoint Server { get; init; }
    public required byte[] Request { get; init; }
    public required bool ElsewhereAllowed { get; init; }
    public required Retransmission Plan { get; init; }
    public int Sent { get; private set; }
    public Instant SentAt { get; private set; }
    public Instant Due { get; private set; }

    public void Send(Outbox outbox, Instant now)
    {
        outbox.Send(Request, Server);
        SentAt = now;
        Due = now + (Sent + 1 < Plan.Requests ? Plan.First * (1 << Sent) : Plan.First * Plan.LastWait);
        Sent++;
    }

    public bool IsSpent => Sent >= Plan.Requests;
}
