namespace Macro.Nat.Classification;

/// <summary>
/// Learns how long a silent mapping lives: a fresh mapping is left alone for 10, then 27, then 60 s, and then somebody whom it
/// lets in sends to it. The keepalive goes by what is known.
/// </summary>
public sealed class MappingLifetime
{
    // The second is what a keepalive every 25 s needs, even where NATs forget after the 30 s that are common.
    static readonly TimeSpan[] s_silences = [TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(27), TimeSpan.FromSeconds(60)];

    /// <summary>What NATs are supposed to grant and mostly do (RFC 4787 4.3 asks for 2 min; 30 s is what is found).</summary>
    static readonly TimeSpan s_cautious = TimeSpan.FromSeconds(25);

    public TimeSpan? Survived { get; private set; }

    public TimeSpan? Lost { get; private set; }

    /// <summary>The silence to try next; null when all is known.</summary>
    public TimeSpan? Next
    {
        get
        {
            foreach (var silence in s_silences)
                if (!(silence <= Survived) && !(silence >= Lost))
                    return silence;
            return null;
        }
    }

    /// <summary>How often to send something so that the mapping stays: 25 s, or three quarters of the longest silence that it survived where 25 s may kill it.</summary>
    public TimeSpan Keepalive => Lost is { } lost && (Survived ?? lost / 2) is var lives && lives < s_cautious ? lives * 0.75 : s_cautious;

    public void Record(TimeSpan silence, bool alive)
    {
        if (alive && !(silence <= Survived))
            Survived = silence;
        if (!alive && !(silence >= Lost))
            Lost = silence;
        // A network that changes its mind has become another one.
        if (Survived >= Lost)
            (Survived, Lost) = (alive ? silence : null, alive ? null : silence);
    }

    public void Clear() => (Survived, Lost) = (null, null);
}
