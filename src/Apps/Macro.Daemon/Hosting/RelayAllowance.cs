using System.Globalization;
using System.Text;
using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Settings;
using Macro.Daemon.Storage;

namespace Macro.Daemon.Hosting;

/// <summary>
/// How much the node does for others now: its rate by the hour, and what is left of the month. What was used is kept in the file
/// "allowance", sealed: the month, and one number of bytes.
/// </summary>
/// <remarks>One thread decides; any reads and saves, one at a time.</remarks>
public sealed class RelayAllowance
{
    const string Name = "allowance";

    readonly RelaySection _settings;
    readonly SealedFolder _vault;
    readonly TimeProvider _time;
    long _written = -1;

    public RelayAllowance(NodeSettings settings, SealedFolder vault, TimeProvider time)
    {
        (_settings, _vault, _time) = (settings.Relay, vault, time);
        Account = new MonthlyAccount(_settings.MonthlyLimit * 1_000_000_000L);
        if (Account.Limit > 0 && vault.TryRead(Name) is { } bytes && Encoding.ASCII.GetString(bytes).Split(' ') is [var month, var used]
            && int.TryParse(month, CultureInfo.InvariantCulture, out var m) && long.TryParse(used, CultureInfo.InvariantCulture, out var u))
            Account.Restore(m, u);
    }

    public MonthlyAccount Account { get; }

    /// <summary>There is a limit of some kind: then every byte is for packets.</summary>
    public bool IsLimited => _settings.BandwidthLimit > 0 || _settings.MonthlyLimit > 0 || _settings.Schedule.Count > 0;

    /// <summary>Bits per second that links must hold at most; 0: none needs to be held.</summary>
    public long LargestRate => _settings.Schedule.Count == 0
        ? _settings.BandwidthLimit * 1_000_000L
        : _settings.Schedule.Select(rate => rate.Mbits).Append(_settings.BandwidthLimit).Select(BitsPerSecond).Max();

    /// <summary>Mbit/s each way at this hour; 0: no limit.</summary>
    public int Rate { get; private set; }

    /// <summary>Why nothing is done for others now, for people; null: it is.</summary>
    public string? Pause { get; private set; }

    /// <param name="counter">Bytes passed on for others since the process began.</param>
    public void Decide(long counter, Instant now)
    {
        Account.Count(counter, now);
        var scheduled = ScheduledRate.At(_settings.Schedule, TimeOnly.FromDateTime(_time.GetLocalNow().DateTime));
        Rate = scheduled ?? _settings.BandwidthLimit;
        Pause = Account.IsSpent ? Spent(Account) : scheduled == 0 ? "relay.schedule has nothing for others at this hour" : null;
    }

    public static long BitsPerSecond(int mbits) => (mbits == 0 ? ScheduledRate.Most : mbits) * 1_000_000L;

    /// <summary>Any time; writes only what is new.</summary>
    public void Save()
    {
        if (Account.Limit == 0 || Account.Used == _written)
            return;
        _written = Account.Used;
        _vault.Write(Name, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Account.Month} {Account.Used}")));
    }

    static string Spent(MonthlyAccount account) => string.Create(
        CultureInfo.InvariantCulture,
        $"the {account.Limit / 1_000_000_000} GB of relay.monthly_limit are used; it goes on at {DateTime.UnixEpoch.AddTicks(account.Renewal.Ticks):d MMMM} (UTC)");
}
