namespace Macro.Peers;

/// <summary>
/// Whether a relay spoils circuits more often than honest ones do: Page's cumulative sum of log-likelihood ratios between a relay
/// that spoils 30 % and one that spoils 5 %. It never falls below zero, so that a good past buys no licence to turn bad.
/// </summary>
/// <param name="Sum">Nats, 0 and up.</param>
readonly record struct Suspicion(double Sum)
{
    const double Honest = 0.05, Hostile = 0.30;

    /// <summary>
    /// A relay that spoils 30 % passes it after some 20 circuits; one that spoils 1 % hardly ever.
    /// </summary>
    const double Limit = 5.5;

    static readonly double s_perFailure = Math.Log(Hostile / Honest), s_perSuccess = Math.Log((1 - Honest) / (1 - Hostile));

    public bool IsProven => Sum >= Limit;

    public Suspicion With(double good, double bad) => new(Math.Max(0, Sum + bad * s_perFailure - good * s_perSuccess));
}
