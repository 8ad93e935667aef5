using Macro.Core;

namespace Macro.Dht;

/// <summary>
/// The contacts at one distance, and a few that wait for a place (BEP 5, Kademlia 2.2 and 4.1). Eight, but more in the two
/// that make up three quarters of the network: there look-ups begin, and each bit that they begin nearer is a query less.
/// </summary>
/// <param name="depth">Bits that its ids share with ours.</param>
sealed class Bucket(int depth, Instant now)
{
    public const int Size = 8, Spares = 4;

    readonly int _capacity = depth switch { 0 => 3 * Size, 1 => 2 * Size, _ => Size };

    public List<Contact> Contacts { get; } = new(0);

    /// <summary>Have answered, the most recently seen last; null while there was none.</summary>
    public List<Contact>? Waiting { get; private set; }

    /// <summary>When a contact was added or a look-up passed through.</summary>
    public Instant Fresh { get; set; } = now;

    public bool IsFull => Contacts.Count >= _capacity;

    public Contact? Find(Id160 id)
    {
        foreach (var contact in Contacts)
            if (contact.Node.Id == id)
                return contact;
        return null;
    }

    /// <summary>The contact that was silent longest, if it has to prove itself.</summary>
    public Contact? Questionable(Instant now)
    {
        Contact? oldest = null;
        foreach (var contact in Contacts)
            if (!contact.IsGood(now) && (oldest is null || contact.Seen < oldest.Seen))
                oldest = contact;
        return oldest;
    }

    /// <summary>The one that a better contact displaces: one that fails, or for a secure one the oldest that is not secure.</summary>
    public Contact? Weakest(bool forSecure)
    {
        Contact? weakest = null;
        foreach (var contact in Contacts)
        {
            if (contact.Failures > 0 && (weakest is null || contact.Failures > weakest.Failures))
                weakest = contact;
            else if (forSecure && !contact.Secure && weakest is not { Failures: > 0 } && (weakest is null || contact.Seen < weakest.Seen))
                weakest = contact;
        }
        return weakest;
    }

    public void Keep(Contact spare)
    {
        Waiting ??= new List<Contact>(Spares);
        Waiting.RemoveAll(held => held.Node.Id == spare.Node.Id || held.Node.Endpoint == spare.Node.Endpoint);
        if (Waiting.Count == Spares)
        {
            // Secure ids outlast the others.
            var victim = Waiting.FindIndex(held => !held.Secure);
            if (victim < 0 && !spare.Secure)
                return;
            Waiting.RemoveAt(Math.Max(0, victim));
        }
        Waiting.Add(spare);
    }

    public Contact? TakeSpare()
    {
        if (Waiting is not { Count: > 0 })
            return null;
        var best = Waiting.FindLastIndex(held => held.Secure);
        var spare = Waiting[best < 0 ? ^1 : best];
        Waiting.Remove(spare);
        return spare;
    }
}
