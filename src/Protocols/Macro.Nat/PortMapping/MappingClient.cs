using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>How far one protocol has come with one gateway.</summary>
enum MappingStage
{
    /// <summary>Asked, and not heard of yet.</summary>
    Probing,

    /// <summary>The gateway speaks it; nothing is mapped.</summary>
    Found,

    /// <summary>A mapping is being asked for.</summary>
    Asking,

    Mapped,

    /// <summary>The gateway speaks it and refuses.</summary>
    Refused,

    /// <summary>The gateway does not speak it, or not with us.</summary>
    Absent,

    Releasing,
    Released,
}

/// <summary>
/// One mapping by one protocol. <see cref="Probe"/> finds out whether the gateway speaks it, <see cref="Map"/> asks for the
/// mapping, which is renewed until <see cref="Release"/>.
/// </summary>
abstract class MappingClient(PortMapperOptions options, IRandom random, Queue<MapperEvent> events)
{
    /// <summary>What a gateway may grant at most and be believed.</summary>
    const uint MostSeconds = 86_400;

    Instant _halfway = Instant.Never;

    public abstract MappingProtocol Protocol { get; }

    public MappingStage Stage { get; protected set; } = MappingStage.Probing;

    public Mapping? Mapping { get; private set; }

    /// <summary>The gateway speaks this protocol.</summary>
    public bool WasFound { get; private set; }

    /// <summary>Next repetition of the request under way.</summary>
    protected Instant Due { get; set; } = Instant.Never;

    public Instant NextTimeout => Instant.Min(Due, Stage == MappingStage.Mapped ? Instant.Min(_halfway, Mapping!.Ends) : Instant.Never);

    protected PortMapperOptions Options { get; } = options;

    protected IRandom Random { get; } = random;

    public abstract void Probe(Instant now);

    /// <summary>Probes again where there was no answer, or a refusal.</summary>
    public void ProbeAgain(Instant now)
    {
        if (Stage is MappingStage.Probing or MappingStage.Absent or MappingStage.Refused)
        {
            Stage = MappingStage.Probing;
            Probe(now);
        }
    }

    /// <summary>Asks for the mapping, the first time and at each renewal.</summary>
    public abstract void Map(Instant now);

    /// <summary>
    /// Asks to forget the mapping, and one that was asked for and not answered yet, which may be granted still.
    /// </summary>
    public abstract void Release(Instant now);

    public void HandleTimeout(Instant now)
    {
        if (Stage == MappingStage.Mapped && Mapping!.Ends <= now)
            Lose(MappingStage.Found);
        if (Stage == MappingStage.Mapped && _halfway <= now)
        {
            _halfway = Instant.Never;
            Map(now);
        }
        else if (Due <= now)
            Repeat(now);
    }

    /// <summary>The gateway began anew: what it granted is gone. Asked again within a second, so that not all clients ask at once.</summary>
    public void Renew(Instant now)
    {
        if (Stage == MappingStage.Mapped)
            _halfway = now + Random.NextTime(TimeSpan.FromSeconds(1));
    }

    public void Judge(MappingTrust trust)
    {
        if (Mapping is not null)
            Mapping = Mapping with { Trust = trust };
    }

    protected abstract void Repeat(Instant now);

    protected void Found()
    {
        if (!WasFound)
            events.Enqueue(new MapperEvent(MapperEventKind.Found, Protocol));
        WasFound = true;
        if (Stage is MappingStage.Probing or MappingStage.Absent)
            Stage = MappingStage.Found;
    }

    /// <param name="leaseSeconds">As granted; 0: for ever.</param>
    /// <param name="checkEvery">Ask again at least this often, where the gateway has no other way to tell that it forgot.</param>
    protected void Grant(Endpoint outside, uint leaseSeconds, Instant now, TimeSpan? checkEvery = null)
    {
        Found();
        Due = Instant.Never;
        var lease = TimeSpan.FromSeconds(leaseSeconds == 0 ? MostSeconds : Math.Min(leaseSeconds, MostSeconds));
        var halfway = lease / 2 + Random.NextTime(lease / 8);
        _halfway = now + (checkEvery < halfway ? checkEvery.Value : halfway);
        var before = Mapping;
        Mapping = new Mapping
        {
            Protocol = Protocol,
            Outside = outside,
            InternalPort = Options.Port,
            Ends = leaseSeconds == 0 ? Instant.Never : now + lease,
            Trust = before?.Outside.Address == outside.Address ? before.Trust : MappingTrust.Unchecked,
        };
        Stage = MappingStage.Mapped;
        events.Enqueue(new MapperEvent(before?.Outside == outside ? MapperEventKind.Renewed : MapperEventKind.Mapped, Protocol, Mapping));
    }

    /// <summary>The gateway answered, and refuses. A mapping that stands is gone with it.</summary>
    protected void Refuse(int code)
    {
        Found();
        Lose(MappingStage.Refused);
        events.Enqueue(new MapperEvent(MapperEventKind.Refused, Protocol, Code: code));
    }

    protected void Lose(MappingStage next)
    {
        Due = Instant.Never;
        Stage = next;
        if (Mapping is { } lost)
            events.Enqueue(new MapperEvent(MapperEventKind.Lost, Protocol, lost));
        Mapping = null;
    }

    protected void Released()
    {
        Due = Instant.Never;
        if (Stage != MappingStage.Released)
            events.Enqueue(new MapperEvent(MapperEventKind.Released, Protocol, Mapping));
        (Stage, Mapping) = (MappingStage.Released, null);
    }
}
