using System.CommandLine;
using System.Globalization;
using Macro.Api;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn netcheck: what stands between this node and the network, and what would help.</summary>
static class NetcheckCommand
{
    static readonly TimeSpan s_pause = TimeSpan.FromSeconds(10);

    public static Command Netcheck()
    {
        var watch = new Option<bool>("--watch") { Description = "Go on and look again, until Ctrl-C." };
        var command = new Command("netcheck", "Examine the network: NAT, router, nearest relays, and what this node may be.") { watch };
        command.Run(async (client, parsed, cancel) =>
        {
            try
            {
                do
                {
                    var answer = await client.NetcheckAsync(cancel);
                    if (parsed.GetValue(GlobalOptions.Json))
                        Terminal.Json(answer, ApiJson.Default.NetcheckAnswer);
                    else
                        Show(answer);
                    if (parsed.GetValue(watch))
                        await Task.Delay(s_pause, cancel);
                }
                while (parsed.GetValue(watch));
            }
            catch (OperationCanceledException) when (parsed.GetValue(watch))
            {
                // Ctrl-C is how a watch ends.
            }
            return ExitCodes.Done;
        });
        return command;
    }

    static void Show(NetcheckAnswer answer)
    {
        Terminal.Facts(
            ("UDP", answer.Udp ? "works" : "does not work"),
            ("TCP 443", answer.TcpConnections == 0 ? "not in use; it is tried where UDP does not pass" : $"in use, {answer.TcpConnections} connections to relays"),
            ("IPv4", Describe(answer.Ipv4)),
            ("IPv6", Describe(answer.Ipv6)),
            ("hairpin", (answer.Ipv4.Hairpin ?? answer.Ipv6.Hairpin) switch { true => "yes", false => "no", null => "not known" }),
            ("lifetime", Lifetime(answer.Ipv4)),
            ("router", !answer.GatewayAsked ? "not asked, since this node is no relay" : answer.MappingProtocols.Count == 0 ? "opens no ports" : string.Join(", ", answer.MappingProtocols)),
            ("open port", answer.Mapping is { } mapping ? Describe(mapping) : null),
            ("pinhole", answer.Pinhole is { } pinhole ? Describe(pinhole) : null),
            ("reached at", answer.ReachedAt.Count == 0 ? null : string.Join(", ", answer.ReachedAt)),
            ("portal", answer.CaptivePortal),
            ("relays", answer.Relays.Count == 0 ? "none answered" : string.Join(", ", answer.Relays.Select(Describe))));
        Terminal.Step(answer.Role == NetworkRole.Client ? StepMark.Wrong : StepMark.Done, answer.Why);
        if (answer.Advice is { } advice)
            Terminal.Line($"   {advice}");
    }

    static string Describe(NetcheckFamily family) => !family.Works ? family.Description
        : $"{family.Outside}, {family.Description}{(family.CarrierGrade ? ", shared by the provider among customers" : "")}";

    static string? Lifetime(NetcheckFamily family) => (family.LivesAtLeastSeconds, family.LivesAtMostSeconds) switch
    {
        (null, null) => null,
        (null, { } most) => $"the NAT forgets a silent flow within {most} s",
        ({ } least, null) => $"the NAT remembers a silent flow for {least} s or more",
        ({ } least, { } most) => $"the NAT remembers a silent flow for {least} to {most} s",
    };

    static string Describe(NetcheckMapping mapping) => string.Create(CultureInfo.InvariantCulture,
        $"{mapping.Outside} by {mapping.Protocol}, {mapping.Trust}{(mapping.SecondsLeft is { } seconds ? $", for {seconds / 60} min" : "")}");

    static string Describe(RelayLatency relay) => string.Create(CultureInfo.InvariantCulture, $"{relay.NodeId[..Math.Min(8, relay.NodeId.Length)]} {relay.Region} {relay.RttMs:F0} ms");
}
