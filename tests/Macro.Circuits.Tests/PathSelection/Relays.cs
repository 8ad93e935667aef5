using System.Globalization;
using Macro.Core;
using Macro.Crypto;
using Macro.Peers;

namespace Macro.Circuits.Tests;

/// <summary>Relays made by hand, each in a network, country and system of its own unless the test says otherwise.</summary>
static class Relays
{
    public static Candidate Make(
        int number, bool exit = false, string? region = null, string? endpoint = null, ulong family = 0, uint asn = 0,
        byte bandwidth = 5, byte load = 0, NetworkCoordinates at = default, int[]? introducers = null)
    {
        Endpoint[] endpoints = introducers is null
            ? [.. (endpoint ?? string.Create(CultureInfo.InvariantCulture, $"44.{number}.0.1:51820")).Split(' ').Select(Endpoint.Parse)]
            : [];
        return new Candidate
        {
            Id = Id(number),
            IsExit = exit,
            Family = family,
            Asn = asn,
            BandwidthClass = bandwidth,
            LoadClass = load,
            Coordinates = at,
            Endpoints = endpoints,
            Introducers = [.. (introducers ?? []).Select(Id)],
            Target = new HopTarget
            {
                Name = $"relay{number}",
                RelayKey = default,
                Endpoint = endpoints.FirstOrDefault(),
                Descriptor = default,
                Region = region ?? $"{(char)('A' + number / 26 % 26)}{(char)('A' + number % 26)}",
            },
        };
    }

    static NodeId Id(int number)
    {
        var bytes = new byte[PublicKey.Size];
        bytes[0] = (byte)number;
        bytes[1] = (byte)(number >> 8);
        return new NodeId(bytes);
    }
}

/// <summary>Knows of relays what they say, and nothing else.</summary>
sealed class Hearsay : IRelayKnowledge
{
    public Dictionary<string, double> Reliabilities { get; } = [];

    public Dictionary<string, TimeSpan> FromHere { get; } = [];

    public double Capacity(Candidate relay) => 1 << relay.BandwidthClass;

    public double Reliability(Candidate relay) => Reliabilities.GetValueOrDefault(relay.Target.Name, 1);

    public TimeSpan? RoundTrip(Candidate? from, Candidate to) => from is null
        ? FromHere.TryGetValue(to.Target.Name, out var time) ? time : null
        : from.Coordinates.RoundTrip(to.Coordinates);
}
