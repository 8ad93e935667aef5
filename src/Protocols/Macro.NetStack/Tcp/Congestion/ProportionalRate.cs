namespace Macro.NetStack.Tcp;

/// <summary>
/// Proportional rate reduction (RFC 6937 with the slow start reduction bound that follows delivery): the window comes
/// down to the threshold over one round trip, clocked by what the peer received. In segments.
/// </summary>
struct ProportionalRate
{
    int _priorWindow, _delivered, _sent;

    public void Begin(int window) => this = new ProportionalRate { _priorWindow = window };

    public void CountSent() => _sent++;

    /// <summary>The window after an ACK.</summary>
    /// <param name="delivered">Newly acknowledged or sacked.</param>
    /// <param name="goesWell">The ACK advanced and told of no new loss.</param>
    public int Window(int inFlight, int threshold, int delivered, bool goesWell)
    {
        _delivered += delivered;
        int room;
        if (inFlight > threshold)
        {
            room = (int)(((long)threshold * _delivered + _priorWindow - 1) / _priorWindow) - _sent;
        }
        else
        {
            room = Math.Max(_delivered - _sent, delivered) + (goesWell ? 1 : 0);
            room = Math.Min(threshold - inFlight, room);
        }
        // The first retransmission goes out in any case.
        return inFlight + Math.Max(room, _sent > 0 ? 0 : 1);
    }
}
